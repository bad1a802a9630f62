import { type FormEvent, useEffect, useRef } from "react";
import type { Game } from "../game.ts";
import { useView } from "../store.ts";
import { MarkIcon } from "./icons.tsx";

/** The name column holds 32 bytes of UTF-8. */
const NAME_BYTES = 32;

export function JoinDialog({ game }: { game: Game }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const wanted = useView((v) => v.me < 0 && !v.spectating && v.world !== undefined && game.client.session.name === "");
  const joining = useView((v) => v.joining);
  const error = useView((v) => v.joinError);
  const world = useView((v) => v.world?.name);
  useEffect(() => {
    if (wanted && !dialog.current?.open) dialog.current?.showModal();
    if (!wanted && dialog.current?.open) {
      dialog.current.close();
      document.getElementById("planet")?.focus();
    }
  }, [wanted]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const name = input.current!.value.trim();
    const tooLong = new TextEncoder().encode(name).length > NAME_BYTES;
    input.current!.setCustomValidity(!name ? "A name, please." : tooLong ? `At most ${NAME_BYTES} bytes, please.` : "");
    if (input.current!.reportValidity()) game.join(name);
  };
  return (
    <dialog
      ref={dialog}
      className="join"
      aria-labelledby="join-title"
      onCancel={() => useView.setState({ spectating: true })}
    >
      <form onSubmit={submit} noValidate>
        <MarkIcon />
        <h2 id="join-title">{world ?? "A living planet"}</h2>
        <p>Resources grow, spread and devour each other. Claim a tile, plant on it, harvest what ripens.</p>
        <label htmlFor="join-name">Your name</label>
        <input
          id="join-name"
          ref={input}
          maxLength={NAME_BYTES}
          autoComplete="nickname"
          autoFocus
          required
          onInput={() => input.current!.setCustomValidity("")}
          aria-describedby="join-error"
        />
        <p id="join-error" className="error" role="alert">
          {error}
        </p>
        <div className="row">
          <button type="submit" className="primary" disabled={joining} data-testid="join">
            {joining ? "Joining" : "Join"}
          </button>
          <button type="button" className="plain" onClick={() => useView.setState({ spectating: true })}>
            Just watch
          </button>
        </div>
      </form>
    </dialog>
  );
}
