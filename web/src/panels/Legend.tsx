import { COLOUR_BLIND_SAFE, DYES } from "../planet/palette.ts";
import { useView } from "../store.ts";
import { EyeIcon, HelpIcon, PatternIcon } from "./icons.tsx";

export function Legend() {
  const colourBlind = useView((v) => v.colourBlind);
  const patterns = useView((v) => v.patterns);
  const palette = colourBlind ? COLOUR_BLIND_SAFE : DYES;
  return (
    <aside className="legend" aria-label="Legend and display">
      <ul>
        {palette.resources.map((look, resource) => (
          <li key={look.name}>
            <svg viewBox="0 0 20 20" aria-hidden="true">
              <defs>
                <linearGradient id={`dye-${resource}`} x1="0" x2="1">
                  <stop stopColor={look.low} />
                  <stop offset="1" stopColor={look.high} />
                </linearGradient>
              </defs>
              <polygon points="10,1 18,5.5 18,14.5 10,19 2,14.5 2,5.5" fill={`url(#dye-${resource})`} />
            </svg>
            {look.name}
          </li>
        ))}
      </ul>
      <div className="tools">
        <button
          type="button"
          aria-pressed={colourBlind}
          onClick={() => useView.setState({ colourBlind: !colourBlind })}
          title="Colours that stay apart for colour-blind eyes"
        >
          <EyeIcon />
          <span>Safe colours</span>
        </button>
        <button
          type="button"
          aria-pressed={patterns}
          onClick={() => useView.setState({ patterns: !patterns })}
          title="Draw a motif on each resource"
        >
          <PatternIcon />
          <span>Motifs</span>
        </button>
        <button type="button" onClick={() => useView.setState({ helpOpen: true })} title="Help (?)">
          <HelpIcon />
          <span>Help</span>
        </button>
      </div>
    </aside>
  );
}
