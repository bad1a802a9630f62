/** Keys on the canvas: walking from cell to cell, acting, and moving the camera. */
import { DIRECTIONS, NO_CELL } from "./grid.ts";
import type { Game } from "./game.ts";
import type { Planet } from "./planet/planet.ts";
import { useView } from "./store.ts";

/** Walking around a cell as the keys lie: top row west, north-west, north-east; below south-west, south-east, east. */
const NEIGHBOUR_KEYS: Record<string, number> = { KeyQ: 5, KeyW: 4, KeyE: 3, KeyA: 0, KeyS: 1, KeyD: 2 };
const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
/** Speed a held Shift + arrow adds, radians a second for each unit of altitude. */
const TURN_SPEED = 0.55;

export function attachKeys(canvas: HTMLElement, game: Game, planet: Planet | undefined): void {
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !game.grid) return;
    if (handle(event, game, planet)) event.preventDefault();
  });
}

function handle(event: KeyboardEvent, game: Game, planet: Planet | undefined): boolean {
  const arrow = ARROWS[event.key];
  if (arrow && event.shiftKey) {
    const speed = TURN_SPEED * Math.min(1.2, 0.2 + (planet?.orbit.height ?? 1));
    planet?.orbit.push(arrow[0] * speed, -arrow[1] * speed);
  } else if (arrow) game.move(screenDirection(game, planet, arrow));
  else if (event.code in NEIGHBOUR_KEYS) game.move(NEIGHBOUR_KEYS[event.code]);
  else if (event.key === "Enter") game.act("claim");
  else if (/^[123]$/.test(event.key)) game.act("plant", Number(event.key));
  else if (event.code === "KeyH") game.act("harvest");
  else if (event.code === "KeyF" && game.selectedCell !== undefined)
    planet?.flyTo(game.selectedCell, Math.min(planet.orbit.height, 0.35));
  else if (event.key === "+" || event.key === "=") planet?.orbit.zoom(0.8);
  else if (event.key === "-") planet?.orbit.zoom(1.25);
  else if (event.key === "Escape") game.select(undefined);
  else if (event.key === "?") useView.setState({ helpOpen: true });
  else return false;
  return true;
}

/** The neighbour that lies most in the arrow's direction on the screen; plain compass without a picture. */
function screenDirection(game: Game, planet: Planet | undefined, [dx, dy]: [number, number]): number {
  const cell = game.selectedCell;
  if (cell === undefined || !planet) return dx < 0 ? 5 : dx > 0 ? 2 : dy < 0 ? 4 : 1;
  const here = planet.screenPosition(cell);
  let best = 0;
  let bestScore = -Infinity;
  for (let d = 0; d < DIRECTIONS; d++) {
    const neighbour = game.grid!.step(cell, d);
    if (neighbour === NO_CELL) continue;
    const there = planet.screenPosition(neighbour);
    const [x, y] = [there.x - here.x, there.y - here.y];
    const score = (x * dx + y * dy) / Math.hypot(x, y);
    if (score > bestScore) [best, bestScore] = [d, score];
  }
  return best;
}
