import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { cellInSql, join, launch, openPage, playerSlot, screenshot, waitUntilMine } from "./harness.mjs";

let browser;
before(async () => (browser = await launch({ webgl: false })));
after(() => browser.close());

test("without WebGL the page says so and is played through the panel", async () => {
  const page = await openPage(browser, { drawn: false });
  assert.equal(await page.evaluate(() => document.createElement("canvas").getContext("webgl2")), null);
  await join(page);
  await page.getByTestId("no-webgl").getByText("no WebGL2").waitFor();
  const start = await page.waitForFunction(() => window.__gamelan.selectedCell).then((h) => h.jsonValue());
  let cell = start;
  for (
    let steps = 0;
    cell === start || (await page.evaluate((id) => window.__gamelan.cell(id).owner, cell)) >= 0;
    steps++
  ) {
    assert.ok(steps < 60, "no free cell within sixty steps");
    await page.getByRole("button", { name: /^Go south-east/ }).click();
    cell = await page
      .waitForFunction((from) => window.__gamelan.selectedCell !== from && window.__gamelan.selectedCell, cell)
      .then((h) => h.jsonValue());
  }
  await page.getByTestId("claim").click();
  await waitUntilMine(page, cell);
  assert.equal((await cellInSql(cell)).owner, (await playerSlot(page)) + 1);
  await screenshot(page, "no-webgl");
  assert.deepEqual(page.failures, []);
});
