import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { webRoot } from "../lib/environment.mjs";
import { Gateway } from "../lib/gateway.mjs";

let folder;
let gateway;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "gamelan-web-root-"));
  const root = join(folder, "root");
  mkdirSync(join(root, "assets"), { recursive: true });
  mkdirSync(join(root, "docs"));
  writeFileSync(join(root, "index.html"), "<!doctype html><title>page</title>");
  writeFileSync(join(root, "docs", "index.html"), "<!doctype html><title>docs</title>");
  writeFileSync(join(root, "assets", "app-1a2b3c.js"), "export const big = 1;\n".repeat(20_000));
  writeFileSync(join(root, "assets", "style-4d5e6f.css"), "body{}");
  writeFileSync(join(root, "picture.svg"), "<svg/>");
  writeFileSync(join(root, "module.wasm"), Buffer.from([0, 0x61, 0x73, 0x6d]));
  writeFileSync(join(root, "empty.txt"), "");
  writeFileSync(join(root, ".hidden"), "secret");
  writeFileSync(join(folder, "secret.txt"), "secret");
  symlinkSync(join(folder, "secret.txt"), join(root, "link.txt"));
  gateway = await Gateway.start({ "web-root": root });
});
after(async () => {
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  rmSync(folder, { recursive: true });
});

// The answer to a request line written byte for byte, because fetch() tidies paths.
function raw(text) {
  return new Promise((resolve, reject) => {
    const socket = connect(gateway.port, "127.0.0.1", () => socket.end(text));
    let answer = "";
    socket.on("data", (part) => (answer += part));
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

test("/ is index.html and must be asked for again", async () => {
  const answer = await gateway.get("/");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(answer.headers.get("cache-control"), "no-cache");
  assert.match(await answer.text(), /<title>page/);
});

test("files have their type", async () => {
  const types = {
    "/assets/app-1a2b3c.js": "text/javascript; charset=utf-8",
    "/assets/style-4d5e6f.css": "text/css; charset=utf-8",
    "/picture.svg": "image/svg+xml",
    "/module.wasm": "application/wasm",
    "/docs/": "text/html; charset=utf-8",
  };
  for (const [path, type] of Object.entries(types)) {
    const answer = await gateway.get(path);
    assert.equal(answer.status, 200, path);
    assert.equal(answer.headers.get("content-type"), type, path);
    await answer.arrayBuffer();
  }
});

test("a large file arrives whole and its hashed name may be kept for ever", async () => {
  const answer = await gateway.get("/assets/app-1a2b3c.js");
  assert.equal(answer.headers.get("cache-control"), "public, max-age=31536000, immutable");
  assert.equal(await answer.text(), "export const big = 1;\n".repeat(20_000));
});

test("an empty file is an empty answer", async () => {
  const answer = await gateway.get("/empty.txt");
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "");
});

test("a query does not change which file it is", async () => {
  const answer = await gateway.get("/picture.svg?world=1");
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "<svg/>");
});

test("a file that did not change is answered with 304", async () => {
  const first = await gateway.get("/picture.svg");
  const etag = first.headers.get("etag");
  await first.text();
  const second = await gateway.get("/picture.svg", { headers: { "if-none-match": etag } });
  assert.equal(second.status, 304);
  assert.equal(await second.text(), "");
});

test("HEAD has the headers without the body", async () => {
  const answer = await gateway.get("/picture.svg", { method: "HEAD" });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-length"), "6");
  assert.equal(await answer.text(), "");
});

test("other methods are refused with 405", async () => {
  for (const method of ["POST", "PUT", "DELETE"]) {
    const answer = await gateway.get("/", { method });
    assert.equal(answer.status, 405, method);
    await answer.text();
  }
});

test("a file that is not there is 404", async () => {
  const answer = await gateway.get("/nothing.html");
  assert.equal(answer.status, 404);
  await answer.text();
});

test("no path leads out of the folder", async () => {
  const paths = [
    "/../secret.txt",
    "/docs/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%5csecret.txt",
    "//secret.txt",
    "/./../secret.txt",
    "/docs/%00/../../secret.txt",
    `${join(folder, "secret.txt")}`,
    "/link.txt",
    "/.hidden",
  ];
  for (const path of paths) {
    const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    assert.doesNotMatch(answer, /^HTTP\/1\.1 200/, path);
    assert.doesNotMatch(answer, /\r\n\r\nsecret/, path);
  }
  assert.ok(gateway.alive());
});

test("requests that are no HTTP do not harm the gateway", async () => {
  for (const text of ["\0\0\0\0", "GET\r\n\r\n", `GET /${"x".repeat(20_000)} HTTP/1.1\r\n\r\n`, "A: b\r\n".repeat(5000)])
    await raw(text).catch(() => {});
  assert.equal((await gateway.get("/healthz")).status, 200);
});

test("answers carry security headers and a policy that allows the page's own socket", async () => {
  const answer = await gateway.get("/");
  await answer.text();
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
  assert.equal(answer.headers.get("x-frame-options"), "DENY");
  assert.equal(answer.headers.get("referrer-policy"), "no-referrer");
  const policy = answer.headers.get("content-security-policy");
  assert.match(policy, new RegExp(`connect-src 'self' ws://127\\.0\\.0\\.1:${gateway.port} `));
  assert.match(policy, /default-src 'self'/);
  assert.match(policy, /worker-src 'self' blob:/);
  assert.doesNotMatch(policy, /unsafe-eval'(?<!wasm-unsafe-eval')/);
});

test("/healthz is 200 while the process lives, /readyz while a world can be followed", async () => {
  for (const path of ["/healthz", "/readyz"]) {
    const answer = await gateway.get(path);
    assert.equal(answer.status, 200);
    assert.deepEqual(await answer.json(), { status: "ok" });
  }
});

test("without a database /healthz is 200 and /readyz says why it is 503", async () => {
  const alone = await Gateway.start({}, { database: "postgresql://nobody@127.0.0.1:1/none", ready: false });
  assert.equal((await alone.get("/healthz")).status, 200);
  const answer = await alone.get("/readyz");
  assert.equal(answer.status, 503);
  assert.match((await answer.json()).reason, /database/);
  assert.deepEqual(await alone.stop(), { code: 0, signal: null });
});

test("the built page is served", { skip: webRoot === "" && "GAMELAN_WEB_ROOT is not set" }, async () => {
  const page = await Gateway.start({ "web-root": webRoot });
  const answer = await page.get("/");
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /<!doctype html>/i);
  await page.stop();
});
