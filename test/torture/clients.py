"""Clients: processes that send commands, as fast as they are answered, and write down what they were told.

Each goes through one door of the server. When the connection breaks, the client comes back with its next command; what had
no answer stays without one, except at doors that know repeats: the gateway by the number of an act, game.enqueue by a key.
"""

import json
import multiprocessing
import os
import random
import time

import psycopg2
import websocket

from ledger import Ledger

ACCOUNTS = 16
BATCH = 5
PAUSE_S = 0.01  # at most, between two commands
# The outcome is not known: the connection or the worker ended while it was on its way, or the client stopped waiting.
UNKNOWN_OUTCOME = ("08", "57")


class Client:
    """`door`: a method of this class; `world`: where it plays."""

    def __init__(self, number, door, world, server, ledger, seed):
        self.number = number
        self.door = door
        self.world = world
        self.path = ledger
        self._server = server
        self._random = random.Random(f"{seed} client {number}")
        self._stop = multiprocessing.Event()
        self._process = None
        self._sequence = 0
        self._connection = None
        self._unanswered = None  # what is sent again, through doors that know repeats
        self._token = ""

    def start(self):
        open(self.path, "a").close()
        self._process = multiprocessing.Process(target=self._run, daemon=True)
        self._process.start()

    def ask_to_stop(self):
        self._stop.set()

    def join(self):
        """Returns when it has ended, and no command of it is on its way."""
        self._process.join(30)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _run(self):
        self._ledger = Ledger(self.path)
        parent = os.getppid()
        act = getattr(self, f"_{self.door}")
        while not self._stop.is_set() and os.getppid() == parent:
            try:
                act()
                time.sleep(self._random.random() * PAUSE_S)
            except (psycopg2.Error, websocket.WebSocketException, OSError):
                self._hang_up()
                time.sleep(0.05)

    def _hang_up(self):
        try:
            if self._connection is not None:
                self._connection.close()
        except (psycopg2.Error, websocket.WebSocketException, OSError):
            pass
        self._connection = None

    def _cursor(self):
        if self._connection is None:
            self._connection = self._server.connect()
            self._connection.cursor().execute("SET statement_timeout = '20s'")
        return self._connection.cursor()

    def _next(self):
        self._sequence += 1
        self._ledger.sent(self._sequence)
        return self._sequence

    def _payment(self, sequence):
        source, target = self._random.sample(range(1, ACCOUNTS + 1), 2)
        return json.dumps({"client": self.number, "sequence": sequence, "source": source, "target": target,
                           "amount": self._random.randint(1, 100)})

    def _note_error(self, sequences, error):
        if error.pgcode is None or error.pgcode.startswith(UNKNOWN_OUTCOME):
            raise error
        for sequence in sequences:
            self._ledger.refused(sequence, error.pgcode)

    # Doors -----------------------------------------------------------------------------------------------------

    def _call(self):
        cursor = self._cursor()
        sequence = self._next()
        try:
            cursor.execute("SELECT game.call(%s, 'pay', %s)", [self.world, self._payment(sequence)])
        except psycopg2.Error as error:
            return self._note_error([sequence], error)
        self._ledger.acknowledged(sequence, cursor.fetchone()[0]["tick"])

    def _calls(self):
        cursor = self._cursor()
        sequences = [self._next() for _ in range(self._random.randint(1, BATCH))]
        count = len(sequences)
        try:
            cursor.execute("SELECT ordinal, tick, sqlstate FROM game.calls(%s, %s, %s, %s::jsonb[], %s)",
                           [self.world, [f"client {self.number}"] * count, ["pay"] * count,
                            [self._payment(sequence) for sequence in sequences], [0] * count])
        except psycopg2.Error as error:
            return self._note_error(sequences, error)
        for ordinal, tick, code in cursor.fetchall():
            if code is None:
                self._ledger.acknowledged(sequences[ordinal - 1], tick)
            elif not code.startswith(UNKNOWN_OUTCOME):
                self._ledger.refused(sequences[ordinal - 1], code)

    def _transaction(self, put):
        """A few commands that happen together, when it commits; one transaction in five is rolled back."""
        cursor = self._cursor()
        sequences = []
        is_kept = self._random.random() < 0.8
        try:
            cursor.execute("BEGIN")
            for _ in range(self._random.randint(1, BATCH)):
                sequences.append(self._next())
                put(cursor, sequences[-1])
            cursor.execute("COMMIT" if is_kept else "ROLLBACK")
        except psycopg2.Error as error:
            return self._note_error(sequences, error)
        for sequence in sequences:
            if is_kept:
                self._ledger.acknowledged(sequence, 0)
            else:
                self._ledger.withdrawn(sequence)

    def _enqueue(self):
        self._transaction(lambda cursor, sequence: cursor.execute(
            "SELECT game.enqueue(%s, 'pay', %s)", [self.world, self._payment(sequence)]))

    def _keyed(self):
        """With a key, under which it is queued again until there is an answer."""
        cursor = self._cursor()
        if self._unanswered is None:
            sequence = self._next()
            self._unanswered = (sequence, self._payment(sequence))
        sequence, payment = self._unanswered
        try:
            cursor.execute("SELECT game.enqueue(%s, 'pay', %s, idempotency_key => %s)", [self.world, payment, f"{self.number}-{sequence}"])
            self._ledger.acknowledged(sequence, 0)
        except psycopg2.Error as error:
            self._note_error([sequence], error)
        self._unanswered = None

    def _write(self):
        self._transaction(lambda cursor, sequence: cursor.execute(
            "SELECT game.spawn(%s, 'deed', jsonb_build_object('deed', jsonb_build_object('client', %s, 'sequence', %s)))",
            [self.world, self.number, sequence]))

    def _gateway(self):
        self._act("pay", self._payment)

    def _rename(self):
        """A player of hexfactory, whose names the events tell."""
        self._act("join", lambda sequence: json.dumps({"name": f"{self.number}-{sequence}"}))

    def _act(self, action, arguments):
        """Through the gateway. An act without an answer is sent again, with its number."""
        if self._connection is None:
            self._connection = self._server.gateway.connect()
            self._say({"type": "hello", "protocol": 1, "world": self.world, "token": self._token})
            self._token = self._answer("hello")["token"]
        if self._unanswered is None:
            sequence = self._next()
            self._unanswered = {"type": "act", "seq": sequence, "action": action, "args": json.loads(arguments(sequence))}
        sequence = self._unanswered["seq"]
        self._say(self._unanswered)
        answer = self._answer("ack", "error")
        if answer["type"] == "ack":
            is_repeat = isinstance(answer["result"], dict) and answer["result"].get("duplicate")
            self._ledger.acknowledged(sequence, 0 if is_repeat else answer["tick"])
        elif answer["code"] in ("WGP04", "WGP05"):
            self._ledger.refused(sequence, answer["code"])
        else:
            time.sleep(0.1)
            return
        self._unanswered = None

    def _say(self, message):
        self._connection.send(json.dumps(message))

    def _answer(self, *kinds):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            message = json.loads(self._connection.recv())
            if message["type"] in kinds:
                return message
        raise OSError("no answer")
