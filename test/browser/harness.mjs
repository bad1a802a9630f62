/**
 * The page in Debian's Chromium against a running server, and the server's database beside it. From the environment:
 *   GAMELAN_TEST_URL         address of the page
 *   GAMELAN_TEST_DSN         a superuser in the same database: libpq URL, or keywords (host=… port=… dbname=… user=…)
 *   GAMELAN_RESTART_COMMAND  kills Postgres hard and brings everything back at the same address
 *   GAMELAN_ARTEFACTS        directory for screenshots (test/artefacts otherwise)
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { chromium } from "playwright-core";

/** The longest any one wait may last; software rendering on a busy machine is slow. */
export const PATIENCE_MS = 90_000;

const here = path.dirname(fileURLToPath(import.meta.url));
const artefacts = process.env.GAMELAN_ARTEFACTS ?? path.join(here, "../artefacts");

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; see test/browser/harness.mjs`);
  return value;
}

const COMMON_FLAGS = [
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const SOFTWARE_WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"];
const NO_WEBGL = ["--disable-gpu", "--disable-3d-apis"];

/** Starts a browser of its own, with or without WebGL. */
export async function launch({ webgl = true } = {}) {
  return chromium.launch({
    executablePath: process.env.GAMELAN_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      ...COMMON_FLAGS,
      ...(webgl ? SOFTWARE_WEBGL : NO_WEBGL),
      ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
    ],
  });
}

/** Opens the page as somebody who was never here and waits until the world is live (and, with WebGL, drawn). */
export async function openPage(browser, { drawn = true, reducedMotion = "no-preference" } = {}) {
  const context = await browser.newContext({ viewport: { width: 960, height: 560 }, reducedMotion });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.failures = [];
  page.on("pageerror", (error) => page.failures.push(error.stack));
  await page.goto(required("GAMELAN_TEST_URL"));
  await page.waitForFunction(() => window.__gamelan?.connected && window.__gamelan.tick >= 0);
  if (drawn) await page.waitForFunction(() => window.__gamelan.ready);
  return page;
}

/** Closes the pages of a test: a planet nobody looks at still takes a processor when it is drawn in software. */
export async function closePages(browser) {
  await Promise.all(browser.contexts().map((context) => context.close()));
}

export function uniqueName() {
  return `Probe ${randomBytes(4).toString("hex")}`;
}

/** Joins through the dialog with the mouse. */
export async function join(page, name = uniqueName()) {
  await page.getByLabel("Your name").fill(name);
  await page.getByTestId("join").click();
  await waitUntilPlaying(page);
  return name;
}

/** Waits until the join is answered, the state that holds it is here, and the world is followed. */
export async function waitUntilPlaying(page) {
  await page.waitForFunction(
    () => window.__gamelan.connected && window.__gamelan.playerSlot >= 0 && document.querySelector(".scoreboard tr.me"),
  );
}

/** Ids of cells that nobody owns, seen on the canvas itself (not under a panel), nearest to its middle first. */
export async function freeCellsInView(page, count) {
  const cells = await page.evaluate((wanted) => {
    const found = new Map();
    const [cx, cy] = [innerWidth / 2, innerHeight / 2];
    const points = [];
    for (let x = -120; x <= 120; x += 12) for (let y = -120; y <= 120; y += 12) points.push([x, y]);
    points.sort((a, b) => Math.hypot(...a) - Math.hypot(...b));
    for (const [x, y] of points) {
      if (document.elementFromPoint(cx + x, cy + y)?.id !== "planet") continue;
      const id = window.__gamelan.pick(cx + x, cy + y);
      if (id && window.__gamelan.cell(id).owner < 0) found.set(id, true);
      if (found.size === wanted) break;
    }
    return [...found.keys()];
  }, count);
  if (cells.length < count) throw new Error(`only ${cells.length} free cells in view, wanted ${count}`);
  return cells;
}

/** Clicks the middle of a cell with the mouse and waits until it is the selected one. */
export async function clickCell(page, cell) {
  const at = await page.evaluate((id) => window.__gamelan.cellScreenPosition(id), cell);
  await page.mouse.click(at.x, at.y);
  await page.waitForFunction((id) => window.__gamelan.selectedCell === id, cell);
}

/** Waits until every act of the page is answered and the cell shows the player as its owner; fails on an error shown. */
export async function waitUntilMine(page, cell) {
  const outcome = await page.waitForFunction((id) => {
    const toast = document.querySelector("[data-testid=toast].error");
    if (toast) return toast.textContent;
    const mine = window.__gamelan.pending === 0 && window.__gamelan.cell(id).owner === window.__gamelan.playerSlot;
    return mine && "mine";
  }, cell);
  const text = await outcome.jsonValue();
  if (text !== "mine") throw new Error(`the page shows: ${text}`);
}

export const playerSlot = (page) => page.evaluate(() => window.__gamelan.playerSlot);

/** Keywords as libpq has them, for a driver that only knows URLs. */
function connectionOptions(dsn) {
  if (dsn.includes("://")) return { connectionString: dsn };
  const names = {
    host: "host",
    hostaddr: "host",
    port: "port",
    dbname: "database",
    user: "user",
    password: "password",
  };
  const pairs = [...dsn.matchAll(/(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))/g)];
  return Object.fromEntries(
    pairs.map(([, name, quoted, plain]) => [names[name] ?? name, quoted?.replace(/\\(.)/g, "$1") ?? plain]),
  );
}

/** One statement on a connection of its own, so that no test depends on one that a restart has broken. */
export async function sql(text, values) {
  const client = new pg.Client(connectionOptions(required("GAMELAN_TEST_DSN")));
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** One row of game.cells: what the database says of a cell. */
export async function cellInSql(cell) {
  const rows = await sql(
    "SELECT owner, resource, amount FROM game.cells(world => (SELECT min(id) FROM game.world), cells => ARRAY[$1::bigint])",
    [cell],
  );
  return rows[0];
}

export async function screenshot(page, name) {
  mkdirSync(artefacts, { recursive: true });
  await page.screenshot({ path: path.join(artefacts, `${name}.png`), timeout: PATIENCE_MS });
}

/** The colours on the screen at some points, as [red, green, blue] of 0..255. */
export async function coloursAt(page, points) {
  const picture = (await page.screenshot({ timeout: PATIENCE_MS })).toString("base64");
  return page.evaluate(
    async ({ picture, points }) => {
      const bytes = Uint8Array.from(atob(picture), (c) => c.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const canvas = new OffscreenCanvas(image.width, image.height);
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const scale = image.width / innerWidth;
      return points.map(({ x, y }) => [
        ...context.getImageData(Math.round(x * scale), Math.round(y * scale), 1, 1).data.subarray(0, 3),
      ]);
    },
    { picture, points },
  );
}

/** Runs GAMELAN_RESTART_COMMAND and waits for its end. */
export function restartServer() {
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", required("GAMELAN_RESTART_COMMAND")], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the restart command ended with ${code}`))));
  });
}
