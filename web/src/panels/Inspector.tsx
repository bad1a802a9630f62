import type { ReactNode } from "react";
import type { Game } from "../game.ts";
import { COLOUR_BLIND_SAFE, DYES, playerColour, resourceName } from "../planet/palette.ts";
import { type CellAction, obstacle, ownerName } from "../rules.ts";
import { type CellView, useView, type View } from "../store.ts";
import { HexFlower } from "./HexFlower.tsx";
import { ClaimIcon, CloseIcon, CompassIcon, HarvestIcon, PlantIcon } from "./icons.tsx";

export function Inspector({ game }: { game: Game }) {
  const cell = useView((v) => v.selected);
  const drawn = useView((v) => v.drawing !== "missing");
  if (!cell)
    return (
      <section className="panel inspector hint" aria-label="Cell">
        <p>{drawn ? "Click a tile, or focus the planet and walk with Q W E A S D." : "Waiting for the world."}</p>
      </section>
    );
  return <CellPanel game={game} cell={cell} />;
}

function CellPanel({ game, cell }: { game: Game; cell: CellView }) {
  const view = useView();
  const palette = view.colourBlind ? COLOUR_BLIND_SAFE : DYES;
  const look = palette.resources[Math.min(cell.resource, 4)];
  return (
    <section className="panel inspector" aria-label="Cell" data-testid="inspector">
      <div className="title">
        <h2>
          <i className="dye" style={{ background: look.high }} aria-hidden="true" />
          {resourceName(cell.resource)}
        </h2>
        <button
          type="button"
          className="plain"
          aria-label="Close the cell’s panel"
          onClick={() => game.select(undefined)}
        >
          <CloseIcon />
        </button>
      </div>
      <p className="place">
        {placeOf(cell)}
        {cell.pentagon && ", a pentagon"}
      </p>
      <div className="amount">
        <meter
          min={0}
          max={255}
          value={cell.amount}
          aria-label="Amount"
          style={{ "--dye": look.high } as React.CSSProperties}
        />
        <output>
          {cell.amount}
          <small> / 255</small>
        </output>
      </div>
      <p className="owner" data-testid="owner">
        {cell.owner < 0 ? (
          "Nobody’s"
        ) : (
          <>
            <i className="enamel" style={{ background: playerColour(palette, cell.owner) }} aria-hidden="true" />
            {cell.owner === view.me ? "Yours" : ownerName(cell.owner, view.players)}
          </>
        )}
        {cell.pending && <em> · {cell.pending} is on its way</em>}
      </p>
      <HexFlower cell={cell} neighbours={view.neighbours} onMove={(direction) => game.move(direction)} />
      <Actions game={game} cell={cell} view={view} />
      <footer className="travel">
        <CompassIcon />
        <button type="button" className="plain" onClick={() => game.select(game.grid!.north, "fly")}>
          North pole
        </button>
        <button type="button" className="plain" onClick={() => game.select(game.grid!.south, "fly")}>
          South pole
        </button>
        <button
          type="button"
          className="plain"
          onClick={() => game.select(Math.floor(Math.random() * game.grid!.cellCount), "fly")}
        >
          Anywhere
        </button>
      </footer>
    </section>
  );
}

function Actions({ game, cell, view }: { game: Game; cell: CellView; view: View }) {
  const palette = view.colourBlind ? COLOUR_BLIND_SAFE : DYES;
  const reasons = {
    claim: obstacle("claim", cell, view),
    plant: obstacle("plant", cell, view),
    harvest: obstacle("harvest", cell, view),
  };
  const button = (action: CellAction, label: string, key: string, icon: ReactNode) => (
    <ActionButton
      reason={reasons[action]}
      label={label}
      shortcut={key}
      icon={icon}
      onPress={() => game.act(action)}
      testId={action}
    />
  );
  return (
    <div className="actions">
      {button("claim", "Claim", "Enter", <ClaimIcon />)}
      {button("harvest", "Harvest", "H", <HarvestIcon />)}
      <div className="plant" role="group" aria-label="Plant">
        <span>
          <PlantIcon /> Plant
        </span>
        {[1, 2, 3].map((resource) => (
          <button
            key={resource}
            type="button"
            disabled={reasons.plant !== undefined}
            data-testid={`plant-${resource}`}
            title={reasons.plant ?? `Plant ${resourceName(resource)} (${resource})`}
            aria-label={`Plant ${resourceName(resource)}`}
            style={{ "--dye": palette.resources[resource].high } as React.CSSProperties}
            onClick={() => game.act("plant", resource)}
          >
            <i aria-hidden="true" />
            {resourceName(resource)}
          </button>
        ))}
        {reasons.plant && <small>{reasons.plant}</small>}
      </div>
    </div>
  );
}

interface ActionButtonProps {
  reason: string | undefined;
  label: string;
  shortcut: string;
  icon: ReactNode;
  testId: string;
  onPress(): void;
}

function ActionButton({ reason, label, shortcut, icon, testId, onPress }: ActionButtonProps) {
  return (
    <button
      type="button"
      className="action"
      disabled={reason !== undefined}
      title={reason ?? `${label} (${shortcut})`}
      data-testid={testId}
      onClick={onPress}
    >
      {icon}
      <b>{label}</b>
      <small>{reason ?? shortcut}</small>
    </button>
  );
}

function placeOf(cell: CellView): string {
  const degrees = (value: number, positive: string, negative: string) =>
    `${Math.abs(value).toFixed(1)}° ${value >= 0 ? positive : negative}`;
  return `${degrees(cell.latitude, "N", "S")}  ${degrees(cell.longitude, "E", "W")}`;
}
