/**
 * The colours of the planet. Resources are dyes on dark lacquer, players are enamels set into the tiles' rims.
 * The second set keeps apart under red-green and blue-yellow colour blindness by lightness as well as hue.
 */

export interface ResourceLook {
  name: string;
  /** Colour of a nearly exhausted and of a full cell, CSS hex. */
  low: string;
  high: string;
}

export interface Palette {
  resources: readonly ResourceLook[];
  players: readonly string[];
}

const NAMES = ["Void", "Jade", "Saffron", "Cinnabar", "Opal"];

function looks(colours: [string, string][]): ResourceLook[] {
  return colours.map(([low, high], k) => ({ name: NAMES[k], low, high }));
}

export const DYES: Palette = {
  resources: looks([
    ["#171a2a", "#39405a"],
    ["#062f38", "#179a86"],
    ["#4f2a10", "#e0a032"],
    ["#3d0f16", "#bf3a2f"],
    ["#5d66ad", "#e9e3ff"],
  ]),
  players: [
    "#ffd9a0",
    "#6fd3ff",
    "#ff8f6b",
    "#b79bff",
    "#b8f05a",
    "#ff7fc4",
    "#4f8dff",
    "#ffe94d",
    "#59f0c8",
    "#ff5a4f",
    "#d7dde8",
    "#c98a3c",
  ],
};

export const COLOUR_BLIND_SAFE: Palette = {
  resources: looks([
    ["#1d2230", "#2c3346"],
    ["#05405f", "#3fa7e0"],
    ["#7a5a00", "#f5e04e"],
    ["#5c2a08", "#d55e00"],
    ["#8f8f99", "#ffffff"],
  ]),
  players: [
    "#ffffff",
    "#56b4e9",
    "#e69f00",
    "#f0e442",
    "#cc79a7",
    "#009e73",
    "#0072b2",
    "#d55e00",
    "#999999",
    "#a6e3ff",
    "#ffd27f",
    "#e8b8d4",
  ],
};

/** The number of player colours; players beyond it share one, told apart by name. */
export const PLAYER_COLOURS = 12;

export function resourceName(resource: number): string {
  return NAMES[resource] ?? `Resource ${resource}`;
}

export function playerColour(palette: Palette, slot: number): string {
  return palette.players[slot % PLAYER_COLOURS];
}
