import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { clickCell, closePages, coloursAt, freeCellsInView, join, launch, openPage, screenshot } from "./harness.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());
afterEach(() => closePages(browser));

/** A lattice of points over the canvas where nothing else lies on top, with the cell under each. */
function lattice(page) {
  return page.evaluate(() => {
    const points = [];
    for (let x = 10; x < innerWidth; x += 20)
      for (let y = 10; y < innerHeight; y += 20) {
        if (document.elementFromPoint(x, y)?.id !== "planet") continue;
        const id = window.__gamelan.pick(x, y);
        points.push({ x, y, id, cell: id && window.__gamelan.cell(id) });
      }
    return points;
  });
}

test("the planet is drawn: many colours on it, night around it", async () => {
  const page = await openPage(browser, { reducedMotion: "reduce" });
  await page.getByText("Just watch").click();
  const points = await lattice(page);
  const colours = await coloursAt(page, points);
  const on = colours.filter((_, k) => points[k].id);
  const corner = colours[points.findIndex((p) => !p.id)];
  assert.ok(on.length > 100, `only ${on.length} of ${points.length} probes hit the planet`);
  const distinct = new Set(on.map((c) => c.map((v) => v >> 5).join()));
  assert.ok(distinct.size >= 12, `only ${distinct.size} distinct colours on the planet`);
  assert.ok(Math.max(...corner) < 90, `the sky is not dark: ${corner}`);
  const bright = on.filter((c) => Math.max(...c) > 70).length;
  assert.ok(bright > on.length / 4, `only ${bright} of ${on.length} probes are bright`);
  await screenshot(page, "planet");
  assert.deepEqual(page.failures, []);
});

test("tiles have the colour of what grows on them", async () => {
  const page = await openPage(browser, { reducedMotion: "reduce" });
  await page.getByText("Just watch").click();
  const points = (await lattice(page)).filter((p) => p.cell && p.cell.amount > 60 && p.cell.owner < 0);
  const colours = await coloursAt(page, points);
  const meanRedMinusBlue = (resource) => {
    const seen = colours.filter((_, k) => points[k].cell.resource === resource);
    assert.ok(seen.length >= 5, `only ${seen.length} probes on resource ${resource}`);
    return seen.reduce((sum, [r, , b]) => sum + r - b, 0) / seen.length;
  };
  assert.ok(meanRedMinusBlue(1) < 0, "jade is not green-blue");
  assert.ok(meanRedMinusBlue(2) > 20, "saffron is not yellow");
  assert.ok(meanRedMinusBlue(3) > 20, "cinnabar is not red");
});

test("draw calls, triangles and the script's time per frame stay within their budgets", async () => {
  const page = await openPage(browser);
  await page.getByText("Just watch").click();
  const stats = await page.evaluate(() => window.__gamelan.stats);
  assert.ok(stats.drawCalls > 5 && stats.drawCalls <= 200, `${stats.drawCalls} draw calls`);
  assert.ok(stats.triangles > 1000 && stats.triangles <= 600_000, `${stats.triangles} triangles`);
});

test("the wheel comes nearer and a drag turns the planet without selecting anything", async () => {
  const page = await openPage(browser, { reducedMotion: "reduce" });
  await join(page);
  const middle = () => page.evaluate(() => window.__gamelan.pick(innerWidth / 2, innerHeight / 2));
  const spacing = () =>
    page.evaluate(() => {
      const seen = new Set();
      for (let x = -100; x <= 100; x += 2) seen.add(window.__gamelan.pick(innerWidth / 2 + x, innerHeight / 2));
      return seen.size;
    });
  const [cell, before] = [await middle(), await spacing()];
  await page.mouse.move(500, 320);
  await page.mouse.wheel(0, -240);
  await page.waitForFunction((most) => {
    const seen = new Set();
    for (let x = -100; x <= 100; x += 2) seen.add(window.__gamelan.pick(innerWidth / 2 + x, innerHeight / 2));
    return seen.size < most;
  }, before);
  await page.mouse.down();
  await page.mouse.move(420, 300, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction((old) => window.__gamelan.pick(innerWidth / 2, innerHeight / 2) !== old, cell);
  assert.equal(await page.evaluate(() => window.__gamelan.selectedCell), undefined);
});

test("a click selects the tile under the pointer and the panel says what it is", async () => {
  const page = await openPage(browser, { reducedMotion: "reduce" });
  await page.getByText("Just watch").click();
  const [cell] = await freeCellsInView(page, 1);
  await clickCell(page, cell);
  const panel = await page.getByTestId("inspector").innerText();
  assert.match(panel, /Nobody’s/);
  assert.ok(await page.getByTestId("claim").isDisabled(), "a spectator cannot claim");
  assert.match(await page.getByTestId("claim").innerText(), /Join first/);
});
