"""Compares what clients were told with what is there.

The ledgers are read before the world is asked, and again after it: what was acknowledged before must be in the world, and what
is in the world must have been sent before that is looked at. So clients need not stand still.
"""

import collections

import log
from ledger import Account

BALANCE_OF_ALL = 16 * 1000


class Findings:
    """What one look found; all lists are empty when all is well."""

    def __init__(self):
        self.problems = []
        self.acknowledged = 0
        self.unacknowledged_applied = 0
        self.lost = 0
        self.doubled = 0

    def add(self, other):
        self.problems += other.problems
        # Later looks see all that earlier ones saw.
        self.acknowledged = other.acknowledged
        self.unacknowledged_applied = other.unacknowledged_applied
        self.lost += other.lost
        self.doubled += other.doubled

    def complain(self, what, cases):
        cases = sorted(cases)
        if cases:
            self.problems.append(f"{what}: {len(cases)}, such as {cases[:5]}")
        return len(cases)


def look(server, clients):
    """Of all clients at once. The worlds may run."""
    findings = Findings()
    before = {client.number: Account(client.path) for client in clients}
    found = {}
    for world in sorted({client.world for client in clients}):
        players = [client for client in clients if client.world == world]
        # What was queued is applied before it is looked for.
        server.value("SELECT game.sync(%s)", [world])
        found.update(_renames(server, world) if players[0].door == "rename" else _deeds(server, world))
    after = {client.number: Account(client.path) for client in clients}
    _compare(findings, clients, before, after, found)
    if findings.lost:
        findings.problems += [f"refused by the tick: {row}" for row in server.sql(
            "SELECT world, tick, action, sqlstate, message, count(*) FROM game.conflict GROUP BY 1, 2, 3, 4, 5 ORDER BY 2 DESC LIMIT 5")]
    return findings


def _deeds(server, world):
    """{(client, sequence): (how often, tick)}"""
    rows = server.sql("SELECT client, sequence, count(*), min(happened) FROM torture.deed WHERE world = %s GROUP BY 1, 2", [world])
    return {(client, sequence): (count, tick) for client, sequence, count, tick in rows}


def _renames(server, world):
    rows = server.sql("SELECT payload ->> 'name', count(*), min(tick) FROM game.event "
                      "WHERE world = %s AND kind IN ('joined', 'renamed') GROUP BY 1", [world])
    return {tuple(map(int, name.split("-"))): (count, tick) for name, count, tick in rows}


def _compare(findings, clients, before, after, found):
    acknowledged = {(number, sequence): tick for number, account in before.items() for sequence, tick in account.acknowledged.items()}
    findings.acknowledged = len(acknowledged)
    findings.lost = findings.complain("acknowledged and lost", acknowledged.keys() - found.keys())
    findings.doubled = findings.complain("applied twice", [key for key, (count, _) in found.items() if count > 1])
    findings.complain("in another tick than was said",
                      [key for key, tick in acknowledged.items() if tick and key in found and found[key][1] not in (0, tick)])
    sent = {(number, sequence) for number, account in after.items() for sequence in account.sent}
    findings.complain("applied and never sent", found.keys() - sent)
    findings.complain("withdrawn and applied", [key for key in found if key[1] in after[key[0]].withdrawn])
    findings.complain("refused and applied", [key for key in found if key[1] in after[key[0]].refused])
    findings.unacknowledged_applied = len([key for key in found if key[1] not in after[key[0]].acknowledged])


def look_closely(server, clients, worlds):
    """When clients and worlds stand still: also what has to follow from the deeds, and the log."""
    findings = look(server, clients)
    for world in worlds:
        deeds = _deeds(server, world)
        told = {(client, sequence): count for client, sequence, count in server.sql(
            "SELECT client, sequence, count(*) FROM torture.told WHERE world = %s GROUP BY 1, 2", [world])}
        logged = collections.Counter()
        for batch, in server.sql("SELECT commands FROM game.tick_log WHERE world = %s ORDER BY tick", [world]):
            logged.update(log.payments(bytes(batch)))
        payers = {client.number for client in clients if client.world == world and client.door != "write"}
        paid = {key for key in deeds if key[0] in payers}
        findings.complain("payments that the log does not have once", [key for key in paid | logged.keys() if logged[key] != 1 or key not in paid])
        findings.complain("payments whose event is not there once", [key for key in paid | told.keys() if told.get(key) != 1 or key not in paid])
        balance = server.value("SELECT sum(balance)::bigint FROM torture.account WHERE world = %s", [world])
        if balance != BALANCE_OF_ALL:
            findings.problems.append(f"world {world}: the balance of all accounts is {balance}")
        counts = dict(server.sql("SELECT number, deeds FROM torture.player WHERE world = %s AND deeds > 0", [world]))
        expected = collections.Counter(client for client, _ in paid)
        if counts != dict(expected):
            findings.problems.append(f"world {world}: players count {counts}, and their deeds are {dict(expected)}")
    return findings
