import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Client } from "../lib/client.mjs";
import { eventually, gatewayBinary } from "../lib/environment.mjs";
import { Gateway } from "../lib/gateway.mjs";

const run = (args, env = {}) => spawnSync(gatewayBinary, args, { encoding: "utf8", env: { ...process.env, ...env } });

test("SIGTERM and SIGINT close clients with 1001 and end the process with 0", async () => {
  for (const signal of ["SIGTERM", "SIGINT"]) {
    const gateway = await Gateway.start();
    const clients = [await Client.join(gateway), await Client.join(gateway), await Client.connect(gateway)];
    const end = gateway.stop(signal);
    for (const client of clients) assert.equal((await client.closed).code, 1001);
    assert.deepEqual(await end, { code: 0, signal: null });
  }
});

test("a client that does not answer the close does not hold the process up", async () => {
  const gateway = await Gateway.start();
  const client = await Client.join(gateway);
  client.socket._socket.pause();
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  client.socket.terminate();
});

test("SIGHUP reads the web root again", async () => {
  const root = mkdtempSync(join(tmpdir(), "gamelan-web-root-"));
  writeFileSync(join(root, "index.html"), "old");
  const gateway = await Gateway.start({ "web-root": root });
  writeFileSync(join(root, "index.html"), "new");
  gateway.process.kill("SIGHUP");
  await eventually(async () => (await (await gateway.get("/")).text()) === "new", "the new page");
  await gateway.stop();
  rmSync(root, { recursive: true });
});

test("--help lists every flag and --version says which program this is", () => {
  const help = run(["--help"]);
  assert.equal(help.status, 0);
  for (const flag of ["listen", "port-file", "web-root", "database", "config", "max-message-bytes", "idle-timeout-ms"])
    assert.match(help.stdout, new RegExp(`--${flag} `));
  const version = run(["--version"]);
  assert.equal(version.status, 0);
  assert.match(version.stdout, /^gamelan-gateway\/\d+\.\d+\.\d+\n$/);
});

test("wrong settings are said clearly and end with 2", () => {
  for (const [args, env, words] of [
    [["--volume", "11"], {}, /unknown flag '--volume'/],
    [["--listen"], {}, /needs a value/],
    [["--listen", "here"], {}, /ADDRESS:PORT/],
    [["--max-connections", "none"], {}, /max-connections must be a whole number/],
    [[], { GAMELAN_GATEWAY_MAX_CONNECTIONS: "0" }, /GAMELAN_GATEWAY_MAX_CONNECTIONS/],
    [["--config", "/nowhere/gateway.conf"], {}, /cannot read the configuration file/],
    [["extra"], {}, /unexpected argument 'extra'/],
  ]) {
    const result = run(args, env);
    assert.equal(result.status, 2, JSON.stringify(args));
    assert.match(result.stderr, words);
  }
});

test("a flag comes before the environment, the environment before the file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gamelan-gateway-config-"));
  const file = join(folder, "gateway.conf");
  writeFileSync(file, "# limits\nmax-pending-acts = 7\nacts-per-second = 8\n\n  max-message-bytes=1000 \n");
  process.env.GAMELAN_GATEWAY_ACTS_PER_SECOND = "9";
  process.env.GAMELAN_GATEWAY_MAX_MESSAGE_BYTES = "2000";
  const gateway = await Gateway.start({ config: file, "max-message-bytes": 3000 });
  delete process.env.GAMELAN_GATEWAY_ACTS_PER_SECOND;
  delete process.env.GAMELAN_GATEWAY_MAX_MESSAGE_BYTES;
  const client = await Client.join(gateway);
  assert.deepEqual(client.welcome.limits, { max_message_bytes: 3000, acts_per_second: 9, max_pending_acts: 7 });
  await client.leave();
  await gateway.stop();
  rmSync(folder, { recursive: true });
});

test("a port in use is a clear error", async () => {
  const gateway = await Gateway.start();
  const second = run(["--listen", `127.0.0.1:${gateway.port}`]);
  assert.equal(second.status, 1);
  assert.match(second.stderr, /cannot listen on/);
  await gateway.stop();
});

test("log lines are JSON objects with time, level and event", async () => {
  const gateway = await Gateway.start();
  await gateway.stop();
  const lines = gateway.log.trim().split("\n").map((line) => JSON.parse(line));
  assert.ok(lines.length > 3);
  for (const line of lines) {
    assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.match(line.level, /^(debug|info|warn|error)$/);
    assert.equal(typeof line.event, "string");
  }
});
