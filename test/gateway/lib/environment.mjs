// What the tests are given: a running database with a started world of hexfactory, and the gateway's binary.
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import pg from "pg";

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; README.md says what the tests need`);
  return value;
}

export const dsn = required("GAMELAN_TEST_DSN");
export const gatewayBinary = required("GAMELAN_GATEWAY_BIN");
export const webRoot = process.env.GAMELAN_WEB_ROOT ?? "";
export const dataFolder = process.env.GAMELAN_TEST_PGDATA ?? "";
const pgCtl = process.env.GAMELAN_PG_CTL ?? "";

// One statement over a connection of its own, so that a restart of the server leaves nothing broken behind.
export async function sql(text, parameters = []) {
  const client = new pg.Client({ connectionString: dsn });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text, parameters)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

// As the folder's owner, because PostgreSQL refuses to run as root.
export function restartDatabase(mode) {
  const args = ["restart", "-D", dataFolder, "-m", mode, "-w", "-t", "60", "-l", `${dataFolder}/restart.log`];
  if (process.getuid() === 0) {
    const owner = execFileSync("id", ["-un", String(statSync(dataFolder).uid)]).toString().trim();
    execFileSync("runuser", ["-u", owner, "--", pgCtl, ...args], { stdio: "ignore" });
  } else {
    execFileSync(pgCtl, args, { stdio: "ignore" });
  }
}

export const canRestart = dataFolder !== "" && pgCtl !== "";

// Tries until `attempt` gives something true; the limit only ends a test that would hang.
export async function eventually(attempt, what, limitMs = 30_000) {
  const end = Date.now() + limitMs;
  for (;;) {
    const result = await attempt();
    if (result) return result;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
