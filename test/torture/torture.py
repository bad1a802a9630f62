#!/usr/bin/python3
"""Hurts a server while it is played on, and looks whether it kept its word. README.md says what is done and what is compared.

./gamelan test torture runs it with what it has built; everything it needs is named by flags, and it starts and ends all of
its processes itself.
"""

import argparse
import random
import signal
import sys
import time

import controls
import disk_full
import fsync_fails
import storm
import tap
from waiting import GaveUp

PARTS = {"storm": storm.run, "controls": controls.run, "fsync": fsync_fails.run, "full": disk_full.run}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pg-bin", required=True, help="folder of the server's programs")
    parser.add_argument("--stage", required=True, help="installation tree of the extension")
    parser.add_argument("--libraries", required=True, help="where in such a tree the libraries are")
    parser.add_argument("--controls", required=True, help="folder with an installation tree for each control build")
    parser.add_argument("--gateway", required=True, help="the gateway's program")
    parser.add_argument("--shims", required=True, help="folder of the libraries that are preloaded")
    parser.add_argument("--artefacts", required=True, help="folder for logs and ledgers")
    parser.add_argument("--small-disk", help="a folder on a file system of a few dozen MB")
    parser.add_argument("--seconds", type=int, default=45, help="how long the storm is")
    parser.add_argument("--seed", type=int, help="of all that is random")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to run; all of it when none is named")
    return parser.parse_args()


def main():
    # So that what was started is ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    tools = arguments()
    seed = tools.seed if tools.seed is not None else random.SystemRandom().randint(1, 1 << 32)
    again = f"GAMELAN_TORTURE_SEED={seed} GAMELAN_TORTURE_SECONDS={tools.seconds} ./gamelan test torture"
    tap.note(f"seed {seed}")
    for name in tools.parts or PARTS:
        started = time.monotonic()
        try:
            PARTS[name](tools, tools.seconds, seed)
        except GaveUp as error:
            tap.note(error)
            tap.ok(False, f"{name} came to its end")
        tap.note(f"{name}: {time.monotonic() - started:.0f} s")
    passed = tap.finish()
    if not passed:
        tap.note(f"again: {again}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
