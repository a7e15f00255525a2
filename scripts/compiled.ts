// `.cache/compiled`: the sources, tests and scripts as JavaScript, so that no process of a test run compiles again.
//
// A loader that compiles takes two seconds of processor for all sources, even from its cache, and a test run starts a
// hundred processes that read them. Types are not looked at here; that is `npm run typecheck`.

import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "./dist.ts";
import { run } from "./run.ts";

const COMPILED = path.join(ROOT, ".cache", "compiled");
/** Written when all of it is there. */
const STAMP = path.join(COMPILED, ".whole");
const FOLDERS = ["src", "test", "scripts", "examples"];
const SETTINGS = ["package.json", "tsconfig.json", "tsconfig.compiled.json"];

/** What Node is to be given for reading it. */
export const COMPILED_LOADER: readonly string[] = [
  "--enable-source-maps", "--import", pathToFileURL(path.join(ROOT, "scripts", "compiled-loader.mjs")).href,
];

/** Compiles all of it again unless it is newer than every source. @throws when a source is no TypeScript. */
export function ensureCompiled(): void {
  if (isCurrent()) return;
  rmSync(COMPILED, { recursive: true, force: true });
  const compiler = path.join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const startedAt = new Date();
  run(process.execPath, [compiler, "-p", "tsconfig.compiled.json", "--outDir", COMPILED], { cwd: ROOT });
  writeFileSync(STAMP, `${startedAt.toISOString()}\n`);
}

function isCurrent(): boolean {
  if (!existsSync(STAMP)) return false;
  const madeAt = statSync(STAMP).mtimeMs;
  const sources = FOLDERS.flatMap((folder) => {
    const names = readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" });
    // A folder is newer when a file in it has come or gone.
    return [folder, ...names.filter((name) => !path.basename(name).includes(".") || name.endsWith(".ts"))
      .map((name) => path.join(folder, name))];
  });
  return [...SETTINGS, ...sources].every((name) => statSync(path.join(ROOT, name)).mtimeMs < madeAt);
}
