// `npm test [-- part of a path …]`: every test but the end-to-end ones, against sources and a fresh `dist`.
//
// The filters are parts of paths, so `npm test -- store/` runs one folder.

import { ensureCompiled } from "./compiled.ts";
import { ensureBuilt, ROOT } from "./dist.ts";
import { main, tryRun } from "./run.ts";
import { testArguments, unitTests } from "./test-files.ts";

await main(() => {
  const args = testArguments(unitTests(process.argv.slice(2)));
  ensureBuilt();
  ensureCompiled();
  process.exitCode = tryRun(process.execPath, args, { cwd: ROOT });
});
