"""A small play: one server, one world, a few clients. What the directed tests have in common."""

import os
import random

import psycopg2

import oracle
from clients import Client
from server import Server
from waiting import wait_for

DOORS = ("call", "calls", "enqueue", "write")
# Nothing but what a test does brings anything to disk, and no checkpoint helps.
QUIET = """
autovacuum = off
bgwriter_lru_maxpages = 0
checkpoint_timeout = '1h'
gamelan.checkpoint_interval = 0
gamelan.checkpoint_log_volume = 0
gamelan.head_interval = '1h'
"""


class Scene:
    """Used in a `with` statement: the server runs and the world plays inside it, and all is gone behind it."""

    def __init__(self, tools, name, seed, doors=DOORS, **server):
        self.random = random.Random(f"{seed} {name}")
        self.server = Server(tools, name, **server)
        self.clients = [Client(number + 1, door, 1, self.server, f"{tools.artefacts}/{name}-ledger-{number + 1}", f"{seed} {name}")
                        for number, door in enumerate(doors)]

    def __enter__(self):
        try:
            self.server.start()
            self.server.create_database()
            self.server.script(f"{os.path.dirname(os.path.abspath(__file__))}/game.sql")
            self.server.sql("SELECT game.create_world('scene', 'torture', seed => 1, tick_rate => 60)")
            self.server.wait_for_worlds("created")
            self.server.sql("CALL torture.found(1, %s)", [len(self.clients)])
            self.server.sql("SELECT game.start_world(1)")
            self.server.wait_for_worlds()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.ask_to_stop()
        self.server.remove()

    def play(self):
        for client in self.clients:
            client.start()

    def acknowledged(self):
        return sum(len(oracle.Account(client.path).acknowledged) for client in self.clients)

    def wait_for_acknowledgements(self, count):
        """So many more than there are now."""
        goal = self.acknowledged() + count
        wait_for(f"{goal} commands are acknowledged", lambda: self.acknowledged() >= goal)

    def stop_clients(self):
        for client in self.clients:
            client.ask_to_stop()
        for client in self.clients:
            client.join()

    def look(self):
        """What the oracle finds, as soon as the world answers it."""
        findings = []

        def attempt():
            try:
                findings.append(oracle.look(self.server, self.clients))
                return True
            except psycopg2.Error:
                return False
        wait_for("the oracle gets answers", attempt)
        return findings[-1]
