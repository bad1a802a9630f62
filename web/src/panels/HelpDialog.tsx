import { useEffect, useRef } from "react";
import { useView } from "../store.ts";

const KEYS: [string, string][] = [
  ["Q W E", "go west, north-west, north-east"],
  ["A S D", "go south-west, south-east, east"],
  ["Arrows", "go to the neighbour that lies that way on the screen"],
  ["Shift + arrows", "turn the planet"],
  ["+  −", "come nearer, draw back"],
  ["Enter", "claim the cell"],
  ["1  2  3", "plant Jade, Saffron, Cinnabar"],
  ["H", "harvest"],
  ["F", "fly to the selected cell"],
  ["Esc", "let go of the cell"],
  ["?", "this page"],
];

export function HelpDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = useView((v) => v.helpOpen);
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open) dialog.current?.close();
  }, [open]);
  const close = () => useView.setState({ helpOpen: false });
  return (
    <dialog ref={dialog} className="help" aria-labelledby="help-title" onClose={close}>
      <h2 id="help-title">How to play</h2>
      <p>
        Every tile holds one resource. Jade spreads into Cinnabar, Saffron into Jade, Cinnabar into Saffron, and where
        all three meet, Opal appears. Claim a free tile and only you may plant on it and harvest it; what you harvest is
        your score. The world goes on while you are away.
      </p>
      <h3>Mouse and touch</h3>
      <p>Drag to turn, wheel or two fingers to zoom, click or tap a tile to select it.</p>
      <h3>Keys, while the planet has the focus</h3>
      <dl>
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split("  ").map((k) => (
                <kbd key={k}>{k}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <button type="button" className="primary" onClick={close}>
        Back to the planet
      </button>
    </dialog>
  );
}
