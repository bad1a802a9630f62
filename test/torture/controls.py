"""Builds with a fault each (core/base/control_build.hpp), and what makes it show. The sound build goes through the same: where
the oracle is content with the sound one and not with the other, it can see that fault.
"""

import signal

import power_cut
import processes
import psycopg2
import tap
from scene import QUIET, Scene
from waiting import LIMIT_S, GaveUp, wait_for

FLIPS = 60
PATIENCE_S = 3
BROKEN_LIMIT_S = 15  # a server that has lost too much does not come back


def run(tools, seconds, seed):
    for name, scenario, fault in (("flush", _flush, "answers before the tick is on disk"),
                                  ("checksums", _checksums, "believes what a checkpoint holds"),
                                  ("chain", _chain, "believes that the log is whole")):
        sound = scenario(tools, f"sound-{name}", None, seed)
        tap.note(f"{name}: the sound build: {sound or 'nothing is wrong'}")
        tap.ok(not sound, f"sound build, as control build {name}: nothing is lost")
        broken = scenario(tools, f"control-{name}", f"{tools.controls}/{name}", seed)
        tap.note(f"{name}: the control build: {broken or 'nothing is wrong'}")
        tap.ok(broken, f"control build {name}, which {fault}: caught")
    for is_on in (True, False):
        found = _unsynced(tools, is_on, seed)
        tap.note(f"fsync = {'on' if is_on else 'off'}: {found or 'nothing is wrong'}")
        if is_on:
            tap.ok(not found, "power cut with fsync = on: nothing is lost")
        else:
            tap.ok(found, "power cut with fsync = off: caught")


def _flush(tools, name, stage, seed):
    """Nobody gets the log to the disk any more; clients wait for their answers; the power goes."""
    journal = power_cut.Journal(f"{tools.artefacts}/{name}_data")
    scene = Scene(tools, name, seed, doors=("call", "calls"), stage=stage, preload=["power_cut"], settings=QUIET)
    journal.attach(scene.server)
    with scene:
        scene.play()
        scene.wait_for_acknowledgements(20)
        scene.server.sql("CHECKPOINT")
        for pid in scene.server.processes("walwriter"):
            processes.send(pid, signal.SIGSTOP)
        since = scene.server.log_position()
        scene.server.configure("gamelan.pause_at = 'flush'")
        wait_for("the flusher stands still", lambda: 'pausing at "flush"' in scene.server.log_since(since))
        try:
            # A sound server answers nobody now, which is waited for; the other one is given time.
            before = scene.acknowledged()
            wait_for("somebody is answered", lambda: scene.acknowledged() > before + 5, PATIENCE_S if stage is None else 30)
        except GaveUp:
            pass
        power_cut.cut(scene.server, scene.random)
        scene.stop_clients()
        scene.server.configure("")
        scene.server.start()
        scene.server.wait_for_worlds()
        return "; ".join(scene.look().problems)


def _checksums(tools, name, stage, seed):
    """A bit of a checkpoint is flipped; who looks at that tick must see what was there."""
    with Scene(tools, name, seed, doors=("call",), stage=stage, settings=QUIET) as scene:
        server = scene.server
        scene.play()
        scene.wait_for_acknowledgements(50)
        scene.stop_clients()
        server.pause_worlds()
        tick = server.value("SELECT game.checkpoint(1, 'full')")
        seen = server.value("SELECT hash FROM game.state_hash(1)")
        for number in range(FLIPS):
            ordinal, octets = scene.random.choice(server.sql(
                "SELECT ordinal, length(data) FROM game.checkpoint_chunk WHERE column_name LIKE 'entity.%%' OR column_name LIKE 'drift%%' ORDER BY ordinal"))
            at = scene.random.randrange(octets * 8)
            flip = ["UPDATE game.checkpoint_chunk SET data = set_bit(data, %s, 1 - get_bit(data, %s)) WHERE ordinal = %s", [at, at, ordinal]]
            server.sql(*flip)
            try:
                found = server.sql(f"SET gamelan.as_of_tick = {tick}; SELECT hash FROM game.state_hash(1)")[0][0]
            except psycopg2.Error as error:
                return f"flip {number}: the past cannot be looked at: {error}"
            if found != seen:
                return f"flip {number}, of bit {at} of part {ordinal}: the state was {seen}, and is shown as {found}"
            if number < FLIPS - 1:
                server.sql(*flip)
        # The last one stays.
        server.kill_postmaster()
        server.start()
        server.wait_for_worlds("paused")
        found = server.value("SELECT hash FROM game.state_hash(1)")
        return "" if found == seen else f"the world came back as {found}, and was {seen}"


def _chain(tools, name, stage, seed):
    """A row of the log is taken out, with all hashes of states behind it, which would tell."""
    with Scene(tools, name, seed, doors=("call",), stage=stage, settings=QUIET) as scene:
        server = scene.server
        scene.play()
        scene.wait_for_acknowledgements(50)
        scene.stop_clients()
        server.pause_worlds()
        row = server.value("SELECT tick FROM game.tick_log ORDER BY tick DESC OFFSET 20 LIMIT 1")
        server.sql("UPDATE game.tick_log SET state_hash = NULL WHERE tick > %s", [row])
        server.sql("DELETE FROM game.tick_log WHERE tick = %s", [row])
        server.kill_postmaster()
        server.start()
        state = wait_for("the world has come back, or not", lambda: server.value(
            "SELECT max(state) FROM game.world WHERE state IN ('paused', 'failed')"))
        if state == "failed":
            reason = server.value("SELECT reason FROM game.world")
            tap.note(f"the world stays stopped: {reason}")
            return "" if "chain" in reason else f"it says why it stays stopped, and not that the log is damaged: {reason}"
        return "; ".join(scene.look().problems)


def _unsynced(tools, is_on, seed):
    """The cut itself: a server that syncs nothing must lose something, or the cut cuts nothing."""
    name = f"fsync-{'on' if is_on else 'off'}"
    journal = power_cut.Journal(f"{tools.artefacts}/{name}_data")
    scene = Scene(tools, name, seed, preload=["power_cut"])
    journal.attach(scene.server)
    with scene:
        # What was before is safe, or there would be no server left to ask.
        scene.server.sql("CHECKPOINT")
        if not is_on:
            scene.server.configure("fsync = off")
            wait_for("nothing is synced", lambda: scene.server.value("SHOW fsync") == "off")
        scene.play()
        scene.wait_for_acknowledgements(200)
        power_cut.cut(scene.server, scene.random)
        try:
            scene.server.start()
            scene.server.wait_for_worlds(limit_s=LIMIT_S if is_on else BROKEN_LIMIT_S)
            return "; ".join(scene.look().problems)
        except GaveUp as error:
            return str(error)
