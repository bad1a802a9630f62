import { dismissToast, useView } from "../store.ts";
import { CloseIcon } from "./icons.tsx";

export function Toasts() {
  const toasts = useView((v) => v.toasts);
  return (
    <ol className="toasts" aria-label="Messages">
      {toasts.map((t) => (
        <li key={t.id} className={t.kind} role="alert" data-testid="toast">
          <div>
            <b>{t.message}</b>
            {t.hint && <p>{t.hint}</p>}
          </div>
          <button type="button" className="plain" aria-label="Dismiss" onClick={() => dismissToast(t.id)}>
            <CloseIcon />
          </button>
        </li>
      ))}
    </ol>
  );
}
