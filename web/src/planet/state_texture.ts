/**
 * The bytes the shaders see, four to a cell in dense order, 512 cells to a row:
 * R resource (bits 0–2) and "waits for an answer" (bit 7); G amount; B owner, 0 nobody, else 1 + slot mod 255;
 * A the tick at which resource or owner last changed, 1 + tick mod 255, 0 when that is long ago.
 */
import { DataTexture, NearestFilter, RGBAIntegerFormat, UnsignedByteType } from "three";

export const TEXTURE_WIDTH = 512;
export const PENDING_BIT = 0x80;
/** Ticks after which a change no longer shows; well below the 255 after which its byte would repeat. */
const PULSE_TICKS = 96;

export class StateBytes {
  readonly cellCount: number;
  readonly bytes: Uint8Array;
  private readonly recent: { tick: number; cells: Int32Array }[] = [];
  private readonly pending = new Set<number>();

  constructor(cellCount: number) {
    this.cellCount = cellCount;
    this.bytes = new Uint8Array(4 * TEXTURE_WIDTH * Math.ceil(cellCount / TEXTURE_WIDTH));
  }

  /** Takes all cells from the columns without marking any as changed. */
  fill(resource: ArrayLike<number>, amount: ArrayLike<number>, owner: ArrayLike<number>, offset: number): void {
    this.recent.length = 0;
    for (let cell = 0; cell < this.cellCount; cell++) {
      this.bytes[4 * cell + 3] = 0;
      this.write(cell, resource[offset + cell] ?? 0, amount[offset + cell] ?? 0, owner[offset + cell] ?? 0);
    }
  }

  /** Takes the named cells and remembers the tick of those whose resource or owner changed. */
  update(
    cells: Iterable<number>,
    tick: number,
    resource: ArrayLike<number>,
    amount: ArrayLike<number>,
    owner: ArrayLike<number>,
    offset: number,
  ): void {
    const changed: number[] = [];
    for (const cell of cells)
      if (this.write(cell, resource[offset + cell] ?? 0, amount[offset + cell] ?? 0, owner[offset + cell] ?? 0)) {
        this.bytes[4 * cell + 3] = phaseOf(tick);
        changed.push(cell);
      }
    if (changed.length) this.recent.push({ tick, cells: Int32Array.from(changed) });
    this.forget(tick);
  }

  setPending(cells: Iterable<number>): void {
    for (const cell of this.pending) this.bytes[4 * cell] &= ~PENDING_BIT;
    this.pending.clear();
    for (const cell of cells) {
      this.pending.add(cell);
      this.bytes[4 * cell] |= PENDING_BIT;
    }
  }

  private write(cell: number, resource: number, amount: number, owner: number): boolean {
    const at = 4 * cell;
    const red = (resource & 7) | (this.bytes[at] & PENDING_BIT);
    const blue = owner > 0 ? 1 + ((owner - 1) % 255) : 0;
    const changed = this.bytes[at] !== red || this.bytes[at + 2] !== blue;
    this.bytes[at] = red;
    this.bytes[at + 1] = amount;
    this.bytes[at + 2] = blue;
    return changed;
  }

  private forget(tick: number): void {
    while (this.recent.length && tick - this.recent[0].tick > PULSE_TICKS) {
      const old = this.recent.shift()!;
      const phase = phaseOf(old.tick);
      for (const cell of old.cells) if (this.bytes[4 * cell + 3] === phase) this.bytes[4 * cell + 3] = 0;
    }
  }
}

export function phaseOf(tick: number): number {
  return 1 + (tick % 255);
}

export function textureOf(state: StateBytes): DataTexture {
  const rows = state.bytes.length / (4 * TEXTURE_WIDTH);
  const texture = new DataTexture(
    state.bytes as Uint8Array<ArrayBuffer>,
    TEXTURE_WIDTH,
    rows,
    RGBAIntegerFormat,
    UnsignedByteType,
  );
  texture.internalFormat = "RGBA8UI";
  texture.minFilter = texture.magFilter = NearestFilter;
  texture.generateMipmaps = false;
  texture.needsUpdate = true;
  return texture;
}
