"""A disk that is full: first where the tables are, then where the server's own log is. With a shim that lets no file grow, and on a
small file system where there is one.
"""

import os
import shutil

import psycopg2

import tap
from scene import Scene
from waiting import wait_for

SMALL_LOG = ["--wal-segsize=1"]
SMALL_LOG_SETTINGS = "min_wal_size = '2MB'\nmax_wal_size = '8MB'\n"
BALLAST_BYTES = 1 << 20


class Shim:
    """What its library reads: the folder in which nothing may grow."""

    name = "shim"
    preload = ("disk_full",)

    def __init__(self, tools, part):
        self._control = f"{tools.artefacts}/disk_full"
        self._part = part
        self.environment = {"GAMELAN_DISK_FULL": self._control}
        self.initdb = []

    def prepare(self, server):
        self._folder = f"{server.data}/{self._part}/"

    def fill(self):
        with open(f"{self._control}.new", "w") as file:
            file.write(self._folder)
        os.rename(f"{self._control}.new", self._control)

    def free(self):
        os.remove(self._control)


class SmallDisk:
    """A file system of its own, filled by a file."""

    name = "a small disk"
    preload = ()
    environment = {}

    def __init__(self, tools, part):
        self._folder = f"{tools.small_disk}/{part}"
        self._ballast = f"{tools.small_disk}/ballast"
        self._part = part
        for left in ("base", "pg_wal"):
            shutil.rmtree(f"{tools.small_disk}/{left}", ignore_errors=True)
        os.mkdir(self._folder, 0o700)
        self.initdb = ["--waldir", self._folder] if part == "pg_wal" else []

    def prepare(self, server):
        """Before the server has run: the tables go there like the log."""
        if self._part == "base":
            os.rmdir(self._folder)
            shutil.move(f"{server.data}/base", self._folder)
            os.symlink(self._folder, f"{server.data}/base")

    def fill(self):
        with open(self._ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\1" * BALLAST_BYTES)
            except OSError:
                pass

    def free(self):
        os.remove(self._ballast)


def run(tools, seconds, seed):
    for disk in (Shim, SmallDisk) if tools.small_disk else (Shim,):
        _tables(tools, disk(tools, "base"), seed)
        _log(tools, disk(tools, "pg_wal"), seed)
    if not tools.small_disk:
        tap.note("no small file system: the shim alone stood for a full disk")


def _scene(tools, disk, name, seed, settings=""):
    scene = Scene(tools, f"full-{name}-{disk.name.replace(' ', '-')}", seed, preload=disk.preload, environment=disk.environment,
                  initdb=[*disk.initdb, *SMALL_LOG], settings=SMALL_LOG_SETTINGS + settings)
    disk.prepare(scene.server)
    return scene


def _tell(found, text):
    for problem in found.problems:
        tap.note(problem)
    tap.ok(not found.problems, f"{text}: {found.acknowledged} acknowledged commands are there")


def _tables(tools, disk, seed):
    with _scene(tools, disk, "tables", seed) as scene:
        server = scene.server
        scene.play()
        scene.wait_for_acknowledgements(100)
        disk.fill()
        reason = wait_for("the world stalls", lambda: _value(server, "SELECT reason FROM game.world WHERE state = 'stalled'"))
        tap.ok("No space left on device" in reason, f"tables full ({disk.name}): the world stalls, and says: {reason}")
        tap.ok(server.value("SELECT count(*) > 0 FROM torture.deed"), "and can be read")
        disk.free()
        server.wait_for_worlds()
        scene.wait_for_acknowledgements(50)
        _tell(scene.look(), "with room again it goes on by itself")


def _value(server, query):
    """None when there is no row, or nobody to ask."""
    try:
        rows = server.sql(query)
    except psycopg2.Error:
        return None
    return rows[0][0] if rows else None


def _log(tools, disk, seed):
    with _scene(tools, disk, "log", seed) as scene:
        server = scene.server
        scene.play()
        scene.wait_for_acknowledgements(100)
        since = server.log_position()
        disk.fill()

        def panics():
            # Segments that were kept for later are used up first.
            _value(server, "SELECT pg_switch_wal()")
            return "PANIC" in server.log_since(since) and "No space left on device" in server.log_since(since)
        wait_for("the server panics", panics)
        tap.ok(True, f"log of the server full ({disk.name}): it stops")
        disk.free()

        # It may have given up, if its recovery found no room either.
        def comes_back():
            if not server.postmaster():
                server.start()
            return server.is_true("SELECT bool_and(state = 'running' AND memory > 0) FROM game.world")
        wait_for("it is back", comes_back)
        scene.wait_for_acknowledgements(50)
        _tell(scene.look(), "with room again it comes back")
