import { useEffect } from "react";
import type { Game } from "../game.ts";
import { useView } from "../store.ts";
import { Banner } from "./Banner.tsx";
import { HelpDialog } from "./HelpDialog.tsx";
import { Hud } from "./Hud.tsx";
import { Inspector } from "./Inspector.tsx";
import { JoinDialog } from "./JoinDialog.tsx";
import { Legend } from "./Legend.tsx";
import { Scoreboard } from "./Scoreboard.tsx";
import { Toasts } from "./Toasts.tsx";

export function App({ game }: { game: Game }) {
  const announcement = useView((v) => v.announcement);
  const colourBlind = useView((v) => v.colourBlind);
  const patterns = useView((v) => v.patterns);
  useEffect(() => game.applySettings(), [game, colourBlind, patterns]);
  return (
    <>
      <Hud />
      <Banner game={game} />
      <Scoreboard />
      <Inspector game={game} />
      <Legend />
      <Toasts />
      <JoinDialog game={game} />
      <HelpDialog />
      <p className="announcement" role="status" aria-live="polite">
        {announcement}
      </p>
    </>
  );
}
