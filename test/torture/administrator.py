"""What administrators do to worlds that are played: checkpoints of every kind, changed definitions, pauses. A process of its own."""

import collections
import multiprocessing
import os
import random
import time

import psycopg2


class Administrator:
    def __init__(self, server, worlds, path, seed):
        self._server = server
        self._worlds = worlds
        self._path = path
        self._random = random.Random(f"{seed} administrator")
        self._stop = multiprocessing.Event()
        self._process = None
        self._connection = None
        self._columns = 0

    def start(self):
        open(self._path, "a").close()
        self._process = multiprocessing.Process(target=self._run, daemon=True)
        self._process.start()

    def ask_to_stop(self):
        self._stop.set()

    def join(self):
        self._process.join(30)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def done(self):
        """How often each thing came to its end, and each error."""
        with open(self._path) as file:
            return collections.Counter(file.read().split("\n")[:-1])

    def _run(self):
        parent = os.getppid()
        acts = [self._checkpoint] * 4 + [self._system] * 2 + [self._column, self._pause, self._evict, self._server_checkpoint]
        with open(self._path, "a", buffering=1) as self._file:
            while not self._stop.is_set() and os.getppid() == parent:
                act = self._random.choice(acts)
                try:
                    act()
                    self._file.write(act.__name__[1:].replace("_", " ") + "\n")
                except psycopg2.Error as error:
                    if error.pgcode is None or error.pgcode.startswith("57"):
                        self._connection = None
                    else:
                        self._file.write(f"{act.__name__[1:]}: {error.pgcode} {error.diag.message_primary}\n")
                time.sleep(self._random.random() * 0.3)

    def _sql(self, text, arguments=None):
        if self._connection is None or self._connection.closed:
            self._connection = self._server.connect()
            self._connection.cursor().execute("SET statement_timeout = '20s'; SET client_min_messages = warning")
        self._connection.cursor().execute(text, arguments)

    def _world(self):
        return self._random.choice(self._worlds)

    def _checkpoint(self):
        self._sql("SELECT game.checkpoint(%s, %s)", [self._world(), self._random.choice([None, "full", "incremental"])])

    def _server_checkpoint(self):
        self._sql("CHECKPOINT")

    def _column(self):
        """One more, and the one before it goes."""
        self._columns += 1
        self._sql(f"ALTER FOREIGN TABLE torture.drift DROP COLUMN IF EXISTS c{self._columns - 1}, "
                  f"ADD COLUMN IF NOT EXISTS c{self._columns} int DEFAULT {self._random.randint(0, 99)}")

    def _system(self):
        text = (f"CREATE OR REPLACE PROCEDURE torture.stirs() LANGUAGE sql BEGIN ATOMIC UPDATE torture.drift "
                f"SET noise = noise + {self._random.randint(1, 9)} WHERE entity % 7 = {self._random.randint(0, 6)}; END")
        if self._random.random() < 0.3:
            self._sql("DROP PROCEDURE IF EXISTS torture.stirs()")
        else:
            self._sql(f"{text}; SELECT game.create_system('torture.stirs') WHERE NOT EXISTS "
                      "(SELECT FROM game.system WHERE name = 'stirs')")

    def _pause(self):
        world = self._world()
        self._sql("SELECT game.pause_world(%s)", [world])
        time.sleep(self._random.random() * 0.1)
        self._sql("SELECT game.resume_world(%s)", [world])

    def _evict(self):
        """A world that stands still leaves memory, and comes back."""
        world = self._world()
        self._sql("SELECT game.pause_world(%s)", [world])
        time.sleep(0.1)
        try:
            self._sql("SELECT game.evict_world(%s)", [world])
        finally:
            self._sql("SELECT game.resume_world(%s)", [world])
