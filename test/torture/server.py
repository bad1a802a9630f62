"""A PostgreSQL server of our own: made, started, hurt, started again, removed."""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile

import psycopg2

import processes
from waiting import LIMIT_S, GaveUp, wait_for

DATABASE = "gamelan"

# Restarts must be quick, checkpoints frequent, and everything that goes wrong in the log.
SETTINGS = """
listen_addresses = ''
unix_socket_permissions = 0700
shared_preload_libraries = 'gamelan'
gamelan.database = 'gamelan'
gamelan.memory = '64MB'
gamelan.worker_restart_delay_max = '200ms'
gamelan.checkpoint_interval = '2s'
gamelan.head_interval = '200ms'
shared_buffers = '32MB'
max_connections = 40
max_wal_size = '64MB'
min_wal_size = '32MB'
checkpoint_timeout = '30s'
autovacuum_naptime = '2s'
restart_after_crash = on
log_line_prefix = '%m [%p] %b '
log_min_messages = log
include_if_exists = 'torture.conf'
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`stage`: an installation of the extension. `preload`: shims, `environment`: what they want to know."""

    def __init__(self, tools, name, stage=None, preload=(), environment=None, settings="", initdb=()):
        self.tools = tools
        self.name = name
        # Short, because a socket's path may have 107 bytes only.
        self.folder = tempfile.mkdtemp(prefix="gamelan-torture-", dir="/tmp")
        self.data = f"{self.folder}/data"
        self.log = f"{tools.artefacts}/{name}.log"
        self.port = free_port()
        self._postmaster = None
        self.environment = dict(os.environ, **(environment or {}))
        self.environment["LD_PRELOAD"] = " ".join(f"{tools.shims}/{shim}.so" for shim in preload)
        atexit.register(self.remove)
        self._initialize(initdb)
        stage = stage or tools.stage
        library = f"{stage}{tools.libraries}"
        with open(f"{self.data}/postgresql.conf", "a") as file:
            file.write(f"port = {self.port}\nunix_socket_directories = '{self.folder}'\nextension_destdir = '{stage}'\n"
                       f"dynamic_library_path = '{library}:$libdir'\n{SETTINGS}{settings}\n")

    def _initialize(self, arguments):
        """By initdb, once for all servers that are made in the same way."""
        is_common = not any(self.tools.small_disk and argument.startswith(self.tools.small_disk) for argument in arguments)
        made = f"{self.tools.artefacts}/{'-'.join(['cluster', *arguments])}_data" if is_common else self.data
        if not os.path.exists(made):
            self._run([f"{self.tools.pg_bin}/initdb", "-D", made, "--username=gamelan", "--encoding=UTF8", "--locale=C.UTF-8",
                       "--data-checksums", "--auth=trust", "--no-sync", *arguments])
        if is_common:
            shutil.copytree(made, self.data)

    def _run(self, command, environment=None):
        done = subprocess.run(command, env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise GaveUp(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")

    # Running ---------------------------------------------------------------------------------------------------

    def start(self):
        """Returns when it accepts connections."""
        with open(self.log, "a") as log:
            self._postmaster = subprocess.Popen([f"{self.tools.pg_bin}/postgres", "-D", self.data], env=self.environment, cwd="/",
                                                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(f"{self.name} is ready; see {self.log}", self._is_ready_or_gone)
        if not self.postmaster():
            raise GaveUp(f"{self.name} does not start; see {self.log}")

    def _is_ready_or_gone(self):
        try:
            with open(f"{self.data}/postmaster.pid") as file:
                lines = file.read().split("\n")
        except FileNotFoundError:
            lines = []
        is_ready = len(lines) > 7 and lines[0] == str(self._postmaster.pid) and lines[7].strip() == "ready"
        return is_ready or self._postmaster.poll() is not None

    def stop(self, mode="fast"):
        self._postmaster.send_signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        try:
            self._postmaster.wait(60)
        except subprocess.TimeoutExpired as error:
            raise GaveUp(f"{self.name} does not stop ({mode}); see {self.log}") from error

    def postmaster(self):
        """0 while it is not running."""
        return self._postmaster.pid if self._postmaster is not None and self._postmaster.poll() is None else 0

    def processes(self, kind=""):
        """Of the server's children those whose title begins with `kind`."""
        return [pid for pid in processes.children(self.postmaster()) if processes.title(pid).startswith(f"postgres: {kind}")]

    def sessions(self):
        return self.processes("gamelan gamelan [local]")

    def kill_all(self):
        """As a power cut would: nobody gets to do anything any more."""
        postmaster = self.postmaster()
        if postmaster == 0:
            return
        processes.send(postmaster, signal.SIGSTOP)  # so that it has no new children
        processes.kill([*processes.children(postmaster), postmaster])
        self._postmaster.wait()

    def kill_postmaster(self):
        """Alone: its children see that it is gone, and end; until then they hold the shared memory."""
        postmaster = self.postmaster()
        orphans = processes.children(postmaster)
        processes.kill([postmaster])
        self._postmaster.wait()
        wait_for("the children of a dead server have gone", lambda: not any(map(processes.is_alive, orphans)))

    def remove(self):
        self.kill_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Settings and log ------------------------------------------------------------------------------------------

    def configure(self, text):
        with open(f"{self.data}/torture.conf.new", "w") as file:
            file.write(text)
        os.rename(f"{self.data}/torture.conf.new", f"{self.data}/torture.conf")
        if self.postmaster():
            processes.send(self.postmaster(), signal.SIGHUP)

    def log_position(self):
        return os.path.getsize(self.log)

    def log_since(self, position):
        with open(self.log, errors="replace") as file:
            file.seek(position)
            return file.read()

    # Asking ----------------------------------------------------------------------------------------------------

    def connect(self, database=DATABASE, user="gamelan"):
        connection = psycopg2.connect(host=self.folder, port=self.port, dbname=database, user=user, connect_timeout=10)
        connection.autocommit = True
        return connection

    def sql(self, text, arguments=None, database=DATABASE):
        """All rows of the last statement, over a connection of its own."""
        connection = self.connect(database)
        try:
            cursor = connection.cursor()
            cursor.execute(text, arguments)
            return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def value(self, text, arguments=None, database=DATABASE):
        return self.sql(text, arguments, database)[0][0]

    def is_true(self, text, arguments=None):
        """A server that is not there says no."""
        try:
            return self.value(text, arguments)
        except psycopg2.Error:
            return False

    def script(self, path):
        with open(path) as file:
            self.sql(file.read())

    def run_tool(self, program, *arguments):
        """A client program of PostgreSQL, connected to this server."""
        self._run([f"{self.tools.pg_bin}/{program}", "-h", self.folder, "-p", str(self.port), "-U", "gamelan", *arguments])

    def create_database(self):
        self.sql(f"CREATE DATABASE {DATABASE}", database="postgres")
        self.sql("CREATE EXTENSION gamelan")

    def wait_for_worlds(self, state="running", limit_s=LIMIT_S):
        wait_for(f"all worlds are {state}", lambda: self.is_true(
            "SELECT bool_and(state = %s AND memory > 0) FROM game.world", [state]), limit_s)

    def pause_worlds(self):
        """What they have come to is durable then."""
        self.sql("SELECT game.pause_world(id) FROM game.world WHERE state <> 'paused'")
        wait_for("all worlds have paused", lambda: self.is_true(
            "SELECT bool_and(w.state = 'paused' AND h.tick = w.tick) FROM game.world AS w JOIN game.world_head AS h ON h.world = w.id"))

    def hashes(self):
        """{world: (tick, hash)}, as published."""
        return {world: (tick, state_hash) for world, tick, state_hash in self.sql(
            "SELECT w.id, h.tick, h.hash FROM game.world AS w, LATERAL game.state_hash(w.id) AS h")}
