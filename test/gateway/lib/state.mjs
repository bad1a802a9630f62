// The state of a world as a client keeps it, from snapshots and deltas of the JSON protocol, and the same read from
// the database's binary state message (docs/formats.md). Values are compared as strings and numbers, column by column.

function applyChange(name, change, columns) {
  if (change.runs) {
    const values = [];
    for (let i = 0; i < change.runs.length; i += 2)
      for (let n = 0; n < change.runs[i]; ++n) values.push(change.runs[i + 1]);
    columns.set(name, values);
  } else if (change.gaps) {
    const values = [...columns.get(name)];
    let slot = -1;
    change.gaps.forEach((gap, i) => {
      slot += 1 + gap;
      if (slot >= values.length) throw new Error(`${name} has no slot ${slot}`);
      values[slot] = change.values[i];
    });
    columns.set(name, values);
  } else {
    columns.set(name, [...change.values]);
  }
}

export class ClientState {
  tick = null;
  columns = new Map();
  history = []; // {tick, columns}, oldest first

  apply(message) {
    if (message.type === "snapshot") this.columns = new Map();
    else if (message.base !== this.tick) throw new Error(`delta from ${message.base} for a client at ${this.tick}`);
    else if (message.tick <= message.base) throw new Error("a delta must go forward");
    else this.columns = new Map(this.columns);
    for (const [name, change] of Object.entries(message.columns)) applyChange(name, change, this.columns);
    this.tick = message.tick;
    this.history.push({ tick: this.tick, columns: this.columns });
    if (this.history.length > 2000) this.history.shift();
  }

  // The state at `tick` as a plain object, for comparing.
  objectAt(tick) {
    return Object.fromEntries(this.at(tick));
  }

  // The state at `tick`: that of the last change up to it.
  at(tick) {
    return this.history.findLast((entry) => entry.tick <= tick)?.columns;
  }
}

const widths = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 4, 7: 8, 8: 32, 9: 64 };

function readValue(bytes, at, type) {
  switch (type) {
    case 1:
      return bytes[at] !== 0;
    case 2:
      return bytes[at];
    case 3:
      return bytes.readInt16LE(at);
    case 4:
      return bytes.readInt32LE(at);
    case 5: {
      const value = bytes.readBigInt64LE(at);
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    }
    case 6:
      return bytes.readFloatLE(at);
    case 7:
      return bytes.readDoubleLE(at);
    default: {
      const text = bytes.subarray(at, at + widths[type]);
      const end = text.indexOf(0);
      return text.subarray(0, end < 0 ? undefined : end).toString("utf8");
    }
  }
}

// Decodes a snapshot message; returns {tick, columns}.
export function decodeSnapshot(bytes) {
  let at = 26;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const part = bytes[at++];
      value += (part & 0x7f) * 2 ** shift;
      if (part < 0x80) return value;
    }
  };
  if (bytes.subarray(0, 3).toString() !== "GLS" || bytes[3] !== 1 || bytes[4] !== 0) throw new Error("no snapshot");
  const columns = new Map();
  for (let column = bytes.readUInt16LE(24); column > 0; --column) {
    const nameBytes = bytes[at++];
    const name = bytes.subarray(at, at + nameBytes).toString("utf8");
    at += nameBytes;
    const type = bytes[at++];
    const encoding = bytes[at++];
    const count = varint();
    const values = [];
    while (values.length < count) {
      const run = encoding === 1 ? varint() : 1;
      const value = readValue(bytes, at, type);
      for (let n = 0; n < run; ++n) values.push(value);
      at += widths[type];
    }
    columns.set(name, values);
  }
  if (at + 8 !== bytes.length) throw new Error("bytes are left over");
  return { tick: Number(bytes.readBigUInt64LE(8)), columns };
}
