"""A disk that tells of a write that it has lost: fsync returns EIO. PostgreSQL then trusts nothing that it had written, and
recovers from its log.
"""

import os

import tap
from scene import Scene
from waiting import wait_for


def run(tools, seconds, seed):
    control = f"{tools.artefacts}/fsync_fails"
    with Scene(tools, "fsync-fails", seed, preload=["fsync_fails"], environment={"GAMELAN_FSYNC_FAILS": control}) as scene:
        scene.play()
        for part, at_once in (("/pg_wal/", "SELECT 1"), ("/base/", "CHECKPOINT"), ("/pg_wal/", "SELECT 1")):
            scene.wait_for_acknowledgements(50)
            since = scene.server.log_position()
            with open(f"{control}.new", "w") as file:
                file.write(f"{part} {scene.random.randint(1, 5)}\n")
            os.rename(f"{control}.new", control)
            try:
                scene.server.sql(at_once)
            except Exception as error:  # it is in the middle of a panic
                tap.note(f"{at_once}: {str(error).splitlines()[0]}")
            wait_for(f"a sync of {part} fails", lambda: not os.path.exists(control))
            wait_for("the server panics", lambda: "PANIC" in scene.server.log_since(since))
            scene.server.wait_for_worlds()
            scene.wait_for_acknowledgements(20)
            found = scene.look()
            for problem in found.problems:
                tap.note(problem)
            tap.ok(not found.problems, f"fsync of {part} fails: the server panics, comes back, and {found.acknowledged} acknowledged commands are there")
