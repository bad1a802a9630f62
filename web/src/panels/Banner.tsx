import type { Game } from "../game.ts";
import { useView } from "../store.ts";

/** What stands between the player and the world, in words. One thing at a time, the gravest first. */
export function Banner({ game }: { game: Game }) {
  const connection = useView((v) => v.connection);
  const database = useView((v) => v.database);
  const drawing = useView((v) => v.drawing);
  const built = useView((v) => v.built);
  const known = useView((v) => v.world !== undefined);
  if (connection.phase === "refused")
    return (
      <div className="banner bad" role="alert">
        <p>{connection.reason}</p>
        <button type="button" onClick={() => game.client.connect()}>
          {connection.code === 4009 ? "Play here" : "Try again"}
        </button>
      </div>
    );
  if (connection.phase === "waiting" || (connection.phase === "connecting" && known))
    return (
      <div className="banner warn" role="status" data-testid="reconnecting">
        <i className="spinner" aria-hidden="true" />
        <p>
          <b>Connection lost, reconnecting.</b> What you did and got no answer for is sent again.
        </p>
      </div>
    );
  if (database === "lost")
    return (
      <div className="banner warn" role="status">
        <i className="spinner" aria-hidden="true" />
        <p>
          <b>The world’s database is away.</b> The gateway is waiting for it; your actions wait too.
        </p>
      </div>
    );
  if (drawing === "missing")
    return (
      <div className="banner quiet" role="status" data-testid="no-webgl">
        <p>
          <b>This browser offers no WebGL2, so the planet cannot be drawn.</b> The world is live all the same: walk from
          cell to cell and play through the panel.
        </p>
      </div>
    );
  if (drawing === "lost")
    return (
      <div className="banner warn" role="status">
        <p>
          <b>The graphics card let go of the picture.</b> The panel still works.
        </p>
        <button type="button" onClick={() => location.reload()}>
          Draw again
        </button>
      </div>
    );
  if (drawing === "building")
    return (
      <div className="banner quiet" role="status">
        <progress max={1} value={built} aria-label="Laying the tiles" />
        <p>Laying the tiles</p>
      </div>
    );
  return null;
}
