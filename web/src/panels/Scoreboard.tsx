import { COLOUR_BLIND_SAFE, DYES, playerColour } from "../planet/palette.ts";
import { type PlayerView, useView } from "../store.ts";

const SHOWN = 8;

export function Scoreboard() {
  const players = useView((v) => v.players);
  const me = useView((v) => v.me);
  const palette = useView((v) => v.colourBlind) ? COLOUR_BLIND_SAFE : DYES;
  const top = players.slice(0, SHOWN);
  const mine = players.find((p) => p.slot === me);
  if (mine && !top.includes(mine)) top[SHOWN - 1] = mine;
  const row = (player: PlayerView) => (
    <tr key={player.slot} className={player.slot === me ? "me" : undefined}>
      <th scope="row">
        <i className="enamel" style={{ background: playerColour(palette, player.slot) }} aria-hidden="true" />
        {player.name}
        {player.slot === me && <small> you</small>}
      </th>
      <td>{player.cells.toLocaleString("en")}</td>
      <td>{Number(player.score).toLocaleString("en")}</td>
    </tr>
  );
  return (
    <section className="panel scoreboard" aria-labelledby="players-title">
      <h2 id="players-title">Players</h2>
      {players.length === 0 ? (
        <p className="empty">Nobody has claimed anything yet.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Cells</th>
              <th scope="col">Score</th>
            </tr>
          </thead>
          <tbody>{top.map(row)}</tbody>
        </table>
      )}
      {players.length > SHOWN && <p className="empty">and {players.length - SHOWN} more</p>}
    </section>
  );
}
