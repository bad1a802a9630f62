/** How high a tile stands, in planet radii; the shader has the same formula (shaders.ts, heightOf). */

/** The height of a full cell: about two thirds of the distance between neighbouring cells. */
export function fullHeight(frequency: number): number {
  return Math.min(0.05, 0.8 / frequency);
}

export function heightOf(frequency: number, resource: number, amount: number): number {
  if (resource === 0) return 0;
  const filled = amount / 255;
  return fullHeight(frequency) * (resource === 4 ? 0.55 + 0.7 * filled : 0.12 + 0.88 * filled);
}

export function greatestHeight(frequency: number): number {
  return 1.25 * fullHeight(frequency);
}
