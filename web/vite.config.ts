import { defineConfig } from "vitest/config";

/** `GAMELAN_GATEWAY` is the address `npm run dev` passes /ws on to. */
const gateway = process.env.GAMELAN_GATEWAY ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "./",
  worker: { format: "es" },
  build: { target: "es2022", outDir: "dist", chunkSizeWarningLimit: 900, assetsInlineLimit: 0 },
  server: { proxy: { "/ws": { target: gateway, ws: true } } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
