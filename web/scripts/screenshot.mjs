/**
 * Takes docs/images/planet.png from a running page.
 *   node scripts/screenshot.mjs [address] [file] [--altitude=…] [--select] [--size=1280x720] [--query=…]
 * Uses the playwright-core of test/browser and Debian's Chromium.
 */
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const { chromium } = createRequire(path.join(root, "test/browser/package.json"))("playwright-core");

const options = Object.fromEntries(
  process.argv
    .slice(2)
    .filter((a) => a.startsWith("--"))
    .map((a) => {
      const [name, value = ""] = a.slice(2).split(/=(.*)/s);
      return [name, value];
    }),
);
const [address = "http://127.0.0.1:8080/", file = path.join(root, "docs/images/planet.png")] = process.argv
  .slice(2)
  .filter((a) => !a.startsWith("--"));
const [width, height] = (options.size ?? "1280x720").split("x").map(Number);

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
  ],
});
try {
  const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: Number(options.scale ?? 1) });
  page.on("console", (m) => {
    if (m.type() === "error" || m.type() === "warning") console.log(m.type(), m.text());
  });
  page.on("pageerror", (e) => console.log("pageerror", e.message));
  page.setDefaultTimeout(120_000);
  await page.goto(`${address}?quality=high&${options.query ?? ""}`);
  await page.waitForFunction(() => window.__gamelan?.ready && window.__gamelan.tick > 0);
  if (options.watch === undefined) {
    await page.getByLabel("Your name").fill(options.name ?? "Ayu");
    await page.getByTestId("join").click();
    await page.waitForFunction(() => window.__gamelan.playerSlot >= 0);
  } else await page.getByText("Just watch").click();
  if (options.wheel) {
    await page.mouse.move(width / 2, height / 2);
    await page.mouse.wheel(0, 0);
    for (let k = 0; k < Number(options.wheel); k++) await page.mouse.wheel(0, -120);
  }
  if (options.drag) {
    const [dx, dy] = options.drag.split(",").map(Number);
    await page.mouse.move(width / 2, height / 2);
    await page.mouse.down();
    await page.mouse.move(width / 2 + dx, height / 2 + dy, { steps: 4 });
    await page.waitForTimeout(200);
    await page.mouse.up();
  }
  // The camera glides: wait until it rests.
  await page.waitForTimeout(Number(options.settle ?? 4000));
  if (options.select !== undefined) {
    const [x, y] = (options.select || `${width / 2},${height / 2}`).split(",").map(Number);
    await page.mouse.click(x, y);
    if (options.claim !== undefined) await page.getByTestId("claim").click();
    if (options.blob) {
      await page.locator("#planet").focus();
      for (const key of options.blob) await page.keyboard.press(key === "C" ? "Enter" : key);
    }
    await page.waitForTimeout(2500);
  }
  await page.mouse.move(5, height - 5);
  await page.screenshot({ path: file });
  console.log(JSON.stringify(await page.evaluate(() => window.__gamelan.stats)));
} finally {
  await browser.close();
}
