"""The storm: clients play, administrators administrate, and the server is hurt again and again. After each fault everything
that was acknowledged has to be there, once; in the end a fresh server that is given the log alone has to come to the same states.
"""

import collections
import os
import random
import time

import psycopg2

import oracle
import tap
from administrator import Administrator
from clients import Client
from faults import Faults
from gateway import Gateway
from power_cut import Journal
from server import Server
from waiting import GaveUp, wait_for

ROUND_S = 300  # of a storm of hours; then another server begins with a seed that follows from the first one
SETTINGS = "gamelan.quarantine_after = 0\ngamelan.checkpoint_full_every = 4\ngamelan.checkpoint_generations = 2\n"
# (door, world): worlds 1 and 2 are of our game, the second one shows ticks before they are durable; 3 is hexfactory.
CLIENTS = [("call", 1), ("calls", 1), ("enqueue", 1), ("write", 1), ("call", 2), ("calls", 2), ("enqueue", 2), ("keyed", 2),
           ("gateway", 1), ("gateway", 2), ("rename", 3), ("rename", 3)]


class Round:
    def __init__(self, tools, number, seed):
        self._tools = tools
        self._seed = f"{seed}.{number}"
        self._random = random.Random(self._seed)
        name = f"storm{number}"
        self._journal = Journal(f"{tools.artefacts}/{name}_data")
        self.server = Server(tools, name, preload=["power_cut"], settings=SETTINGS)
        self._journal.attach(self.server)
        self.gateway = self.server.gateway = Gateway(tools, self.server)
        self.clients = [Client(number + 1, door, world, self.server, f"{tools.artefacts}/{name}-ledger-{number + 1}", self._seed)
                        for number, (door, world) in enumerate(CLIENTS)]
        self.administrator = Administrator(self.server, [1, 2, 3], f"{tools.artefacts}/{name}-administrator", self._seed)
        self.faults = collections.Counter()
        self.findings = oracle.Findings()

    def run(self, seconds):
        try:
            self._found()
            end = time.monotonic() + seconds
            self._play(end)
            self._settle()
            return self._compare_with_reference()
        finally:
            self._end()

    def _found(self):
        self.server.start()
        self.server.create_database()
        self.server.sql("CREATE ROLE gateway LOGIN IN ROLE gamelan_gateway")
        self.server.script(f"{os.path.dirname(__file__)}/game.sql")
        for name, game in (("sync", "torture"), ("relaxed", "torture"), ("planet", "hexfactory")):
            self.server.sql("SELECT game.create_world(%s, %s, seed => %s, tick_rate => 60, config => %s)",
                            [name, game, self._random.randint(1, 1 << 40), '{"frequency": 4}' if game == "hexfactory" else "{}"])
        self.server.wait_for_worlds("created")
        for world in (1, 2):
            self.server.sql("CALL torture.found(%s, %s)", [world, len(CLIENTS)])
        self.server.sql("SELECT game.set_durability(2, 'relaxed'); SELECT game.start_world(id) FROM game.world")
        self.server.wait_for_worlds()
        self.gateway.start()

    def _play(self, end):
        for client in self.clients:
            client.start()
        self.administrator.start()
        while time.monotonic() < end:
            # Somebody must have been told something since the last fault, or there is nothing to lose.
            time.sleep(0.2 + self._random.random() * 0.8)
            fault = Faults(self.server, self.gateway, self._random).one()
            self.faults[fault] += 1
            self._wait_until_played()
            self._look(fault)

    def _wait_until_played(self):
        def try_it():
            try:
                self.server.sql("SELECT game.resume_world(id) FROM game.world WHERE state = 'paused'")
                return self.server.value("SELECT bool_and(state = 'running' AND memory > 0) FROM game.world")
            except psycopg2.Error:
                return False
        try:
            wait_for("all worlds run again", try_it)
        except GaveUp as error:
            states = self.server.sql("SELECT id, state, tick, reason FROM game.world")
            raise GaveUp(f"{error}: {states}") from error

    def _look(self, fault):
        found = None

        def attempt():
            nonlocal found
            try:
                found = oracle.look(self.server, self.clients)
                return True
            except psycopg2.Error:  # a world that is paused for a moment, or a crash that is only now noticed
                return False
        wait_for("the oracle gets answers", attempt)
        self.findings.add(found)
        if found.problems:
            raise GaveUp(f"after {fault}: " + "; ".join(found.problems))

    def _settle(self):
        """Clients have gone, worlds stand still."""
        self.administrator.ask_to_stop()
        self.administrator.join()
        for client in self.clients:
            client.ask_to_stop()
        for client in self.clients:
            client.join()
        self._wait_until_played()
        self.server.sql("SELECT game.sync(id) FROM game.world")
        self.server.pause_worlds()
        self.findings.add(oracle.look_closely(self.server, self.clients, [1, 2]))

    def _compare_with_reference(self):
        """True when the log alone leads a fresh server to the same states, and game.verify agrees."""
        damage = self.server.sql("SELECT w.id, v.* FROM game.world AS w, game.verify(w.id, true) AS v WHERE NOT v.ok")
        self.findings.problems += [f"game.verify: {row}" for row in damage]
        here = self.server.hashes()
        dump = f"{self.server.folder}/log.dump"
        self.server.run_tool("pg_dump", "-Fc", "-f", dump, "--exclude-table-data=game.checkpoint",
                             "--exclude-table-data=game.checkpoint_chunk", "-d", "gamelan")
        reference = Server(self._tools, f"{self.server.name}-reference", settings=SETTINGS)
        try:
            reference.start()
            reference.sql("CREATE DATABASE gamelan", database="postgres")
            reference.sql("CREATE ROLE gateway LOGIN", database="postgres")
            reference.run_tool("pg_restore", "--exit-on-error", "-d", "gamelan", dump)
            reference.wait_for_worlds("paused")
            there = reference.hashes()
        finally:
            reference.remove()
        if there != here:
            self.findings.problems.append(f"a replay of the log comes to {there}, and the worlds are at {here}")

    def _end(self):
        self.administrator.ask_to_stop()
        for process in [self.administrator, *self.clients]:
            process.ask_to_stop()
        self.gateway.kill()
        self.server.remove()


def run(tools, seconds, seed):
    faults, done = collections.Counter(), collections.Counter()
    total = oracle.Findings()
    acknowledged = number = 0
    end = time.monotonic() + seconds
    while number == 0 or end - time.monotonic() > 10:
        number += 1
        one = Round(tools, number, seed)
        problems = []
        try:
            one.run(min(ROUND_S, end - time.monotonic()))
        except (GaveUp, psycopg2.Error) as error:
            problems = [str(error)]
        problems += [problem for problem in one.findings.problems if not any(problem in known for known in problems)]
        for problem in problems:
            tap.note(problem)
        tap.ok(not problems, f"storm {number}: {one.findings.acknowledged} acknowledged commands after "
                             f"{sum(one.faults.values())} faults: lost {one.findings.lost}, doubled {one.findings.doubled}")
        acknowledged += one.findings.acknowledged
        total.unacknowledged_applied += one.findings.unacknowledged_applied
        total.lost += one.findings.lost
        total.doubled += one.findings.doubled
        faults += one.faults
        done += one.administrator.done()
        if problems:
            break
    _report(faults, done, acknowledged, total)


def _report(faults, done, acknowledged, total):
    tap.note("")
    for title, counts in (("faults", faults), ("done meanwhile", done)):
        tap.note(f"{title}: {sum(counts.values())}")
        for what, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            tap.note(f"    {count:6} {what}")
    tap.note(f"acknowledgements checked: {acknowledged}")
    tap.note(f"not acknowledged, and found applied: {total.unacknowledged_applied}")
    tap.note(f"lost: {total.lost}")
    tap.note(f"doubled: {total.doubled}")
    tap.note("")
