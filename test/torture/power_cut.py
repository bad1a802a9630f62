"""What the power cut does, after shims/power_cut.cpp has kept what files held: all processes are killed, and a random part of
what nobody had synced is undone, by sectors or by pages, in whole writes or torn.
"""

import os
import struct

RECORD = struct.Struct("<5Q")  # kind, offset, length, old size, bytes kept
WRITE, TRUNCATE = 0, 1
UNITS = (512, 4096)


class Journal:
    """The folder of a server's journals."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def attach(self, server):
        """Before the server starts for the first time: from here on it is watched."""
        server.journal = self
        server.environment["GAMELAN_POWER_CUT_DATA"] = server.data + "/"
        server.environment["GAMELAN_POWER_CUT_JOURNAL"] = self.folder

    def records(self, inode):
        """(kind, offset, length, old size, bytes kept), oldest first."""
        with open(f"{self.folder}/{inode}", "rb") as file:
            data = file.read()
        out = []
        at = 0
        while at + RECORD.size <= len(data):
            kind, offset, length, old_size, kept = RECORD.unpack_from(data, at)
            at += RECORD.size
            if at + kept > len(data):  # its writer was killed: the write itself was still to come
                break
            out.append((kind, offset, length, old_size, data[at:at + kept]))
            at += kept
        return out

    def forget(self):
        for name in os.listdir(self.folder):
            os.remove(f"{self.folder}/{name}")


def cut(server, generator):
    """Returns how many files lost something. The server has to be started again."""
    server.kill_all()
    count = 0
    for folder, _, names in os.walk(server.data):
        for name in names:
            path = f"{folder}/{name}"
            inode = os.stat(path).st_ino
            if os.path.exists(f"{server.journal.folder}/{inode}"):
                records = server.journal.records(inode)
                if records:
                    _undo(path, records, generator)
                    count += 1
    server.journal.forget()
    return count


def _undo(path, records, generator):
    with open(path, "r+b") as file:
        if any(kind == TRUNCATE for kind, *_ in records):
            _undo_down_to(file, records, generator.randint(0, len(records)))
            return
        fate = generator.random()
        if fate < 0.4:
            _undo_down_to(file, records, 0 if fate < 0.2 else generator.randint(0, len(records)))
        else:
            _tear(file, records, generator)


def _put_back(file, record):
    kind, offset, length, old_size, kept = record
    file.seek(offset)
    file.write(kept)
    # Where the file has grown, nothing was.
    file.truncate(old_size)


def _undo_down_to(file, records, first):
    """The writes from `first` on never came to the disk."""
    for record in reversed(records[first:]):
        _put_back(file, record)


def _tear(file, records, generator):
    """Each sector, or page, has what it had after one of the writes, whichever."""
    unit = generator.choice(UNITS)
    kept_writes = {}
    for number in reversed(range(len(records))):
        _, offset, length, _, kept = records[number]
        for index in range(offset // unit, -(-(offset + length) // unit)):
            if kept_writes.setdefault(index, generator.randint(0, len(records))) <= number:
                begin, end = max(offset, index * unit), min(offset + length, (index + 1) * unit)
                file.seek(begin)
                file.write(kept[begin - offset:end - offset].ljust(end - begin, b"\0"))
    # A file may also be as long as it was before one of the writes that made it longer.
    file.seek(0, os.SEEK_END)
    sizes = [old_size for _, offset, length, old_size, _ in records if offset + length > old_size]
    if sizes and generator.random() < 0.5:
        file.truncate(min(generator.choice(sizes), file.tell()))
