"""Processes of this machine, by number: what they are called, whose children they are, and killing them."""

import os
import signal

from waiting import wait_for


def is_alive(pid):
    """A zombie is not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def title(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as line:
            return line.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as line:
            return [int(word) for word in line.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def send(pid, number):
    """False when there is no such process any more."""
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def kill(pids):
    """Returns when all of them are gone."""
    for pid in pids:
        send(pid, signal.SIGKILL)
    for pid in pids:
        wait_for(f"process {pid} has gone", lambda: not is_alive(pid), pause_s=0.01)
