import "@fontsource/alegreya-sans/400.css";
import "@fontsource/alegreya-sans/500.css";
import "@fontsource/alegreya-sans/700.css";
import "@fontsource/marcellus/400.css";
import "./styles/page.css";
import "./styles/panels.css";
import { createRoot } from "react-dom/client";
import { Game } from "./game.ts";
import { installHook } from "./hook.ts";
import { attachKeys } from "./keys.ts";
import { App } from "./panels/App.tsx";
import { Planet, type Quality } from "./planet/planet.ts";
import { useView } from "./store.ts";

const address = new URL("ws", document.baseURI);
address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
const game = new Game(address.href);

/** `?quality=high` or `low` overrules what the page finds out about the graphics. */
function wantedQuality(): Quality | undefined {
  const wanted = new URLSearchParams(location.search).get("quality");
  return wanted === "high" || wanted === "low" ? wanted : undefined;
}

function drawPlanet(canvas: HTMLCanvasElement): Planet | undefined {
  try {
    return new Planet(
      canvas,
      {
        onPick: (cell) => game.select(cell),
        onHover: () => {},
        onProgress: (built, total) =>
          useView.setState({ built: built / total, drawing: built === total ? "ready" : "building" }),
        onContextLost: () => useView.setState({ drawing: "lost" }),
      },
      () => game.moment(),
      wantedQuality(),
    );
  } catch (error) {
    console.warn("The planet cannot be drawn:", error);
    useView.setState({ drawing: "missing" });
    return undefined;
  }
}

const canvas = document.getElementById("planet") as HTMLCanvasElement;
const planet = drawPlanet(canvas);
if (planet) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  planet.setReducedMotion(still.matches);
  still.addEventListener("change", () => planet.setReducedMotion(still.matches));
  game.setPlanet(planet);
} else canvas.classList.add("undrawn");
attachKeys(canvas, game, planet);
installHook(game, planet);
createRoot(document.getElementById("panels")!).render(<App game={game} />);
game.client.connect();
