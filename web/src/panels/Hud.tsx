import { useView } from "../store.ts";
import { MarkIcon } from "./icons.tsx";

const CONNECTION_WORDS = { connecting: "Connecting", open: "Live", waiting: "Reconnecting", refused: "Disconnected" };

export function Hud() {
  const world = useView((v) => v.world);
  const tick = useView((v) => v.tick);
  const durableTick = useView((v) => v.durableTick);
  const rate = useView((v) => v.measuredRate);
  const latency = useView((v) => v.latencyMs);
  const phase = useView((v) => v.connection.phase);
  const database = useView((v) => v.database);
  const state = phase === "open" && database === "lost" ? "No database" : CONNECTION_WORDS[phase];
  return (
    <header className="hud">
      <div className="brand">
        <MarkIcon />
        <div>
          <h1>Gamelan</h1>
          <p>{world ? world.name : "looking for a world"}</p>
        </div>
      </div>
      <dl className="readings" aria-label="World and connection">
        <div>
          <dt>Tick</dt>
          <dd data-testid="tick">{tick < 0 ? "–" : tick.toLocaleString("en")}</dd>
          {durableTick >= 0 && durableTick < tick && (
            <dd data-testid="durable-tick" className="behind">
              on disk up to {durableTick.toLocaleString("en")}
            </dd>
          )}
        </div>
        <div>
          <dt>Rate</dt>
          <dd>
            {rate === undefined ? "–" : rate.toFixed(1)}
            <small> / {world?.tick_rate ?? "–"} Hz</small>
          </dd>
        </div>
        <div>
          <dt>Latency</dt>
          <dd>
            {latency === undefined ? "–" : Math.max(1, Math.round(latency))}
            <small> ms</small>
          </dd>
        </div>
        <div className={`live ${phase === "open" && database === "ok" ? "good" : "bad"}`}>
          <dt>Line</dt>
          <dd data-testid="connection">
            <i aria-hidden="true" />
            {state}
          </dd>
        </div>
      </dl>
    </header>
  );
}
