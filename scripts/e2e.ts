// `npm run e2e [-- --codex VERSION] [part of a path …]`: the end-to-end tests, on the real Codex.
//
// Installs what they need when it is missing. Serial: each test has the machine to itself. All versions of Codex and of
// Node one after the other: scripts/matrix.ts.

import { parseArgs } from "node:util";
import { CODEX_VERSION, CODEX_VERSIONS } from "../test/support/codex-install.ts";
import { ensureCompiled } from "./compiled.ts";
import { build, ROOT } from "./dist.ts";
import { installClients, installCodex } from "./installs.ts";
import { main, tryRun } from "./run.ts";
import { findTests, testArguments } from "./test-files.ts";

await main(() => {
  const { values, positionals } = parseArgs({
    options: {
      codex: { type: "string", default: CODEX_VERSION },
      "install-only": { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  const { codex } = values;
  if (!/^\d+\.\d+\.\d+$/.test(codex)) {
    throw new Error(`--codex takes a version such as ${CODEX_VERSIONS[0]}, got ${codex}`);
  }
  const all = findTests("test/e2e", positionals);
  // They need a browser that is installed, which no package brings: they run when they are named.
  const files = positionals.length > 0 ? all : all.filter((file) => !file.startsWith("test/e2e/browser-"));
  installCodex(codex);
  installClients();
  if (values["install-only"]) return;
  build();
  ensureCompiled();
  const env = { ...process.env, E2E_CODEX_VERSION: codex };
  process.exitCode = tryRun(process.execPath, testArguments(files, { serial: true }), { cwd: ROOT, env });
});
