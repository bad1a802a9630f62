import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import {
  cellInSql,
  clickCell,
  closePages,
  freeCellsInView,
  join,
  launch,
  openPage,
  playerSlot,
  restartServer,
  screenshot,
  sql,
  uniqueName,
  waitUntilMine,
  waitUntilPlaying,
} from "./harness.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());
afterEach(() => closePages(browser));

test("joining by the dialog makes a player whom the scoreboard names", async () => {
  const page = await openPage(browser);
  const name = await join(page);
  assert.equal(await page.evaluate(() => window.__gamelan.playerName), name);
  await page.locator(".scoreboard tr.me", { hasText: name }).waitFor();
  await page.locator("dialog.join").waitFor({ state: "hidden" });
});

test("a name that is taken is refused in words and another one accepted", async () => {
  const first = await openPage(browser);
  const name = await join(first);
  const second = await openPage(browser);
  await second.getByLabel("Your name").fill(name);
  await second.getByTestId("join").click();
  await second.locator("#join-error", { hasText: name }).waitFor();
  await join(second);
  assert.notEqual(await playerSlot(first), await playerSlot(second));
});

test("a claim by mouse is acknowledged, drawn and in the database; what is planted there too", async () => {
  const page = await openPage(browser, { reducedMotion: "reduce" });
  await join(page);
  const [cell] = await freeCellsInView(page, 1);
  assert.equal((await cellInSql(cell)).owner, 0);
  await clickCell(page, cell);
  await page.getByTestId("claim").click();
  await waitUntilMine(page, cell);
  assert.equal((await cellInSql(cell)).owner, (await playerSlot(page)) + 1);
  await page.getByTestId("owner").getByText("Yours").waitFor();
  assert.ok(await page.getByTestId("claim").isDisabled());

  await page.getByTestId("plant-3").click();
  await page.waitForFunction(() => window.__gamelan.pending === 0);
  const planted = await sql(
    "SELECT payload->>'resource' AS resource FROM game.event WHERE kind = 'planted' AND payload->>'cell' = $1",
    [cell],
  );
  assert.deepEqual(planted, [{ resource: "3" }]);
  await screenshot(page, "claimed");
  assert.deepEqual(page.failures, []);
});

test("a cell of somebody else cannot be claimed and the button says whose it is", async () => {
  const owner = await openPage(browser, { reducedMotion: "reduce" });
  const name = await join(owner);
  const [cell] = await freeCellsInView(owner, 1);
  await clickCell(owner, cell);
  await owner.getByTestId("claim").click();
  await waitUntilMine(owner, cell);
  const other = await openPage(browser);
  await join(other);
  await other.evaluate((id) => window.__gamelan.select(id), cell);
  await other.getByTestId("claim").getByText(`Belongs to ${name}`).waitFor();
  assert.ok(await other.getByTestId("claim").isDisabled());
});

test("the keyboard alone joins, walks, claims and reaches every control", async () => {
  const page = await openPage(browser, { reducedMotion: "reduce" });
  await page.keyboard.type(uniqueName());
  await page.keyboard.press("Enter");
  await waitUntilPlaying(page);
  await page.waitForFunction(() => document.activeElement?.id === "planet");
  await page.keyboard.press("d");
  const start = await page.waitForFunction(() => window.__gamelan.selectedCell).then((h) => h.jsonValue());
  await page.keyboard.press("e");
  await page.waitForFunction((from) => window.__gamelan.selectedCell !== from, start);
  await page.keyboard.press("ArrowLeft");
  let cell = await page.evaluate(() => window.__gamelan.selectedCell);
  for (let steps = 0; (await page.evaluate((id) => window.__gamelan.cell(id).owner, cell)) >= 0; steps++) {
    assert.ok(steps < 40, "no free cell within forty steps");
    await page.keyboard.press("d");
    cell = await page
      .waitForFunction((from) => window.__gamelan.selectedCell !== from && window.__gamelan.selectedCell, cell)
      .then((h) => h.jsonValue());
  }
  assert.match(await page.locator(".announcement").innerText(), /free/);
  await page.keyboard.press("Enter");
  await waitUntilMine(page, cell);
  assert.equal((await cellInSql(cell)).owner, (await playerSlot(page)) + 1);

  const reached = new Set();
  for (let tab = 0; tab < 30; tab++) {
    await page.keyboard.press("Tab");
    reached.add(
      await page.evaluate(() => {
        const at = document.activeElement;
        return at?.dataset.testid ?? at?.getAttribute("aria-label")?.split(":")[0] ?? at?.textContent ?? "";
      }),
    );
  }
  for (const control of ["plant-1", "plant-2", "plant-3", "Go west", "Help", "Motifs"])
    assert.ok(reached.has(control), `Tab never reached ${control}: ${[...reached].join(", ")}`);
});

test("an acknowledged claim survives a hard restart and the page comes back by itself", async () => {
  const page = await openPage(browser, { reducedMotion: "reduce" });
  await join(page);
  const [cell, another] = await freeCellsInView(page, 2);
  await clickCell(page, cell);
  await page.getByTestId("claim").click();
  await waitUntilMine(page, cell);
  const slot = await playerSlot(page);

  await restartServer();
  const tick = await sql("SELECT tick FROM game.world ORDER BY id LIMIT 1").then((rows) => Number(rows[0].tick));
  await page.waitForFunction((since) => window.__gamelan.connected && window.__gamelan.tick > since, tick);
  assert.equal((await cellInSql(cell)).owner, slot + 1);
  assert.equal(await page.evaluate((id) => window.__gamelan.cell(id).owner, cell), slot);
  assert.equal(await playerSlot(page), slot);
  await page.getByTestId("reconnecting").waitFor({ state: "hidden" });

  await clickCell(page, another);
  await page.getByTestId("claim").click();
  await waitUntilMine(page, another);
  assert.equal((await cellInSql(another)).owner, slot + 1);
  await screenshot(page, "after-restart");
  assert.deepEqual(page.failures, []);
});

test("a reloaded page is the same player without asking", async () => {
  const page = await openPage(browser);
  const name = await join(page);
  const slot = await playerSlot(page);
  await page.reload();
  await page.waitForFunction(() => window.__gamelan?.playerSlot >= 0);
  assert.equal(await playerSlot(page), slot);
  assert.equal(await page.evaluate(() => window.__gamelan.playerName), name);
  assert.equal(await page.locator("dialog.join[open]").count(), 0);
});
