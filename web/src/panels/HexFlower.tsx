import { COLOUR_BLIND_SAFE, DYES, playerColour, resourceName } from "../planet/palette.ts";
import { ownerName } from "../rules.ts";
import { type CellView, useView } from "../store.ts";

/** Neighbours 0..5 as they lie around a cell with north up: name, offset in hexagon widths, key. */
const PLACES = [
  { name: "south-west", x: -0.5, y: 0.866, key: "A" },
  { name: "south-east", x: 0.5, y: 0.866, key: "S" },
  { name: "east", x: 1, y: 0, key: "D" },
  { name: "north-east", x: 0.5, y: -0.866, key: "E" },
  { name: "north-west", x: -0.5, y: -0.866, key: "W" },
  { name: "west", x: -1, y: 0, key: "Q" },
];
const WIDTH = 62;

function hexagon(x: number, y: number, radius: number): string {
  const corners = Array.from({ length: 6 }, (_, k) => {
    const angle = (Math.PI / 3) * k + Math.PI / 6;
    return `${(x + radius * Math.cos(angle)).toFixed(1)},${(y + radius * Math.sin(angle)).toFixed(1)}`;
  });
  return corners.join(" ");
}

interface Props {
  cell: CellView;
  neighbours: (CellView | undefined)[];
  onMove(direction: number): void;
}

/** The selected cell among its neighbours: a map of seven cells that works without the planet. */
export function HexFlower({ cell, neighbours, onMove }: Props) {
  const palette = useView((v) => v.colourBlind) ? COLOUR_BLIND_SAFE : DYES;
  const players = useView((v) => v.players);
  const me = useView((v) => v.me);
  const fill = (c: CellView) => {
    const look = palette.resources[Math.min(c.resource, 4)];
    return `color-mix(in oklab, ${look.high} ${Math.round(18 + (c.amount / 255) * 82)}%, ${look.low})`;
  };
  const whose = (c: CellView) => (c.owner < 0 ? "free" : c.owner === me ? "yours" : ownerName(c.owner, players));
  const tile = (c: CellView, x: number, y: number) => (
    <>
      <polygon points={hexagon(x, y, WIDTH * 0.55)} fill={c.resource === 0 ? palette.resources[0].high : fill(c)} />
      {c.owner >= 0 && (
        <polygon
          points={hexagon(x, y, WIDTH * 0.46)}
          fill="none"
          stroke={playerColour(palette, c.owner)}
          strokeWidth="3.5"
        />
      )}
      {c.pending && <polygon points={hexagon(x, y, WIDTH * 0.55)} fill="url(#hatch)" />}
      <text x={x} y={y + 5} textAnchor="middle">
        {c.resource === 0 ? "·" : c.amount}
      </text>
    </>
  );
  return (
    <svg className="flower" viewBox="-100 -92 200 184" role="group" aria-label="Neighbouring cells">
      <defs>
        <pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="4" height="8" fill="#fff3d6" opacity=".55" />
        </pattern>
      </defs>
      {PLACES.map((place, direction) => {
        const c = neighbours[direction];
        if (!c) return null;
        const what = c.resource === 0 ? "void" : `${resourceName(c.resource)} ${c.amount}`;
        return (
          <g
            key={place.name}
            className="petal"
            role="button"
            tabIndex={0}
            aria-label={`Go ${place.name}: ${what}, ${whose(c)}`}
            onClick={() => onMove(direction)}
            onKeyDown={(e) => {
              if (e.key !== "Enter" && e.key !== " ") return;
              e.preventDefault();
              onMove(direction);
            }}
          >
            <title>{`${place.name} (${place.key}): ${what}, ${whose(c)}`}</title>
            {tile(c, place.x * WIDTH, place.y * WIDTH)}
          </g>
        );
      })}
      <g className="middle">
        {tile(cell, 0, 0)}
        <polygon points={hexagon(0, 0, WIDTH * 0.55)} fill="none" stroke="#fff6e0" strokeWidth="2.5" />
      </g>
    </svg>
  );
}
