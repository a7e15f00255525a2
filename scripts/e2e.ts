// `npm run e2e [-- part of a path …]`: the end-to-end tests, on the real Codex.
//
// Installs what they need below `.cache` when it is missing: Codex itself, and WebSocket clients that are not ours, so
// that both ends of the wire are not read by the same code. Serial: each test has the machine to itself.

import { mkdirSync } from "node:fs";
import { CLIENTS_PREFIX, CODEX_PREFIX, CODEX_VERSION, installedVersion } from "../test/support/codex-install.ts";
import { build, ROOT } from "./dist.ts";
import { main, run, tryRun } from "./run.ts";
import { findTests, testArguments } from "./test-files.ts";

const CLIENTS = { wscat: "6.1.0", ws: "8.23.0" } as const;

await main(() => {
  install(CODEX_PREFIX, { "@openai/codex": CODEX_VERSION });
  install(CLIENTS_PREFIX, CLIENTS);
  if (process.argv.includes("--install-only")) return;
  build();
  const files = findTests("test/e2e", process.argv.slice(2));
  process.exitCode = tryRun(process.execPath, testArguments(files, { serial: true }), { cwd: ROOT });
});

function install(prefix: string, packages: Readonly<Record<string, string>>): void {
  const wanted = Object.entries(packages);
  if (wanted.every(([name, version]) => installedVersion(prefix, name) === version)) return;
  mkdirSync(prefix, { recursive: true });
  const names = wanted.map(([name, version]) => `${name}@${version}`);
  process.stderr.write(`installing ${names.join(" ")}\n`);
  run("npm", ["install", "--no-save", "--no-package-lock", "--prefix", prefix, ...names], { cwd: ROOT, quiet: true });
}
