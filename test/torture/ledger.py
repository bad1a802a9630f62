"""What a client was told, kept by the client, outside of the server: the oracle's side of the story.

One file a client, a line an entry, in the order in which it happened:
    sent SEQUENCE                  it is about to be sent
    acknowledged SEQUENCE TICK     the server said yes; TICK 0 = the tick was not told. On disk before the client goes on
    refused SEQUENCE CODE          the server said no, and that nothing of it was applied
    withdrawn SEQUENCE             its transaction was rolled back by the client
What was sent and has no other entry may have happened, once, or not.
"""

import os


class Ledger:
    def __init__(self, path):
        self._file = open(path, "a", buffering=1)

    def sent(self, sequence):
        self._file.write(f"sent {sequence}\n")

    def acknowledged(self, sequence, tick):
        self._file.write(f"acknowledged {sequence} {tick}\n")
        os.fsync(self._file.fileno())

    def refused(self, sequence, code):
        self._file.write(f"refused {sequence} {code}\n")

    def withdrawn(self, sequence):
        self._file.write(f"withdrawn {sequence}\n")


class Account:
    """What a ledger says by now."""

    def __init__(self, path):
        self.sent = set()
        self.acknowledged = {}  # sequence: tick
        self.refused = {}  # sequence: code
        self.withdrawn = set()
        with open(path) as file:
            lines = file.read().split("\n")
        for line in lines[:-1]:  # the last one has no end yet, or is empty
            what, sequence, *more = line.split()
            if what == "sent":
                self.sent.add(int(sequence))
            elif what == "acknowledged":
                self.acknowledged[int(sequence)] = int(more[0])
            elif what == "refused":
                self.refused[int(sequence)] = more[0]
            else:
                self.withdrawn.add(int(sequence))
