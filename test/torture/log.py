"""Reads what game.tick_log holds, from its description in docs/formats.md and without any code of the extension."""

import json
import struct


class Reader:
    def __init__(self, data):
        self._data = data
        self._at = 0

    def byte(self):
        self._at += 1
        return self._data[self._at - 1]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def take(self, count):
        self._at += count
        if self._at > len(self._data):
            raise ValueError("a batch of commands ends too early")
        return self._data[self._at - count:self._at]

    def counted(self):
        return self.take(self.varint())


def _argument(reader):
    kind = reader.byte()
    if kind == 1:
        return reader.byte()
    if kind == 2:
        return reader.varint()
    if kind == 3:
        return struct.unpack("<d", reader.take(8))[0]
    return reader.counted().decode()


def actions(batch):
    """(name, arguments) of each action of a command batch, version 3."""
    reader = Reader(batch)
    if reader.take(4) != b"GLC\x03":
        raise ValueError("not a batch of commands, version 3")
    out = []
    for _ in range(reader.varint()):
        kind = reader.byte()
        reader.varint()  # handle
        reader.counted()  # actor
        if kind == 0:
            name = reader.counted().decode()
            reader.varint()  # client sequence
            arguments = [_argument(reader) for _ in range(reader.varint())]
            if reader.byte():
                reader.counted()  # effects
            out.append((name, arguments))
        else:
            reader.counted()
            if kind == 4:
                reader.counted()
    return out


def payments(batch):
    """(client, sequence) of each payment of a batch."""
    out = []
    for name, arguments in actions(batch):
        if name == "pay":
            values = json.loads(arguments[0])
            out.append((int(values["client"]), int(values["sequence"])))
    return out
