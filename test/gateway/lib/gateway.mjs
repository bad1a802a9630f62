// Starts gateways of the tests' own on free ports and ends them.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dsn, eventually, gatewayBinary } from "./environment.mjs";

export class Gateway {
  static async start(flags = {}, { database = dsn, ready = true } = {}) {
    const gateway = new Gateway();
    gateway.folder = mkdtempSync(join(tmpdir(), "gamelan-gateway-test-"));
    const portFile = join(gateway.folder, "port");
    const all = { listen: "127.0.0.1:0", "port-file": portFile, database, "log-level": "debug", ...flags };
    const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
    gateway.process = spawn(gatewayBinary, args, { stdio: ["ignore", "ignore", "pipe"] });
    gateway.log = "";
    gateway.process.stderr.on("data", (part) => (gateway.log += part));
    gateway.exited = new Promise((resolve) =>
      gateway.process.on("exit", (code, signal) => resolve({ code, signal })),
    );
    await eventually(() => existsSync(portFile) || gateway.process.exitCode !== null, "the gateway's port file");
    if (gateway.process.exitCode !== null) throw new Error(`the gateway ended: ${gateway.log}`);
    gateway.port = Number(readFileSync(portFile, "utf8"));
    if (ready) await eventually(async () => (await gateway.get("/readyz")).status === 200, "a ready gateway");
    return gateway;
  }

  get address() {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  get(path, options = {}) {
    return fetch(`http://127.0.0.1:${this.port}${path}`, { redirect: "manual", ...options });
  }

  alive() {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  // Resolves to how the process ended.
  async stop(signal = "SIGTERM") {
    if (this.alive()) this.process.kill(signal);
    const end = await this.exited;
    rmSync(this.folder, { recursive: true, force: true });
    return end;
  }
}
