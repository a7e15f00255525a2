// `dist`: how it is made, and whether it is as new as the sources.
//
// Invariant: `dist` alone runs under any parent: it holds a package.json of its own (type, name, version), so that no
// `"type": "commonjs"` above it can change how Node reads it.

import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.ts";
import { freeDeclarations } from "./declarations.ts";
import { run } from "./run.ts";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DIST = path.join(ROOT, "dist");
/** The daemon with its command line; the embedded agent, which is a process of its own; and the framer alone. */
const PROGRAMS = { "index.js": "index.js", "agent.js": "agent/main.js", "framer.js": "framer.js" } as const;
/** The last file that a build writes. */
const STAMP = path.join(DIST, "package.json");

/**
 * Makes `dist` anew, beside the old one, and puts it in its place when it is whole.
 *
 * @throws when the compiler finds an error; the old `dist` is then still there.
 */
export function build(): void {
  const fresh = path.join(ROOT, ".cache", `dist-${process.pid}`);
  const old = `${fresh}-old`;
  try {
    const compiler = path.join(ROOT, "node_modules", "typescript", "bin", "tsc");
    run(process.execPath, [compiler, "-p", "tsconfig.build.json", "--outDir", fresh], { cwd: ROOT });
    bundle(fresh, PROGRAMS);
    freeDeclarations(fresh);
    complete(fresh);
    if (existsSync(DIST)) renameSync(DIST, old);
    renameSync(fresh, DIST);
  } finally {
    for (const leftover of [fresh, old]) rmSync(leftover, { recursive: true, force: true });
  }
}

/** What the compiler leaves out: a package.json of its own, and the right to be run. */
function complete(dist: string): void {
  const program = path.join(dist, "index.js");
  if (!readFileSync(program, "utf8").startsWith("#!/usr/bin/env node\n")) {
    throw new Error("src/index.ts must open with `#!/usr/bin/env node`: dist/index.js is the installed program");
  }
  chmodSync(program, 0o755);
  const { name, version } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as Record<string, string>;
  writeFileSync(path.join(dist, "package.json"), `${JSON.stringify({ name, version, type: "module" }, null, 2)}\n`);
}

/** Builds unless `dist` is newer than every source. */
export function ensureBuilt(): void {
  if (!isCurrent()) build();
}

function isCurrent(): boolean {
  if (!existsSync(STAMP)) return false;
  const builtAt = statSync(STAMP).mtimeMs;
  const sources = readdirSync(path.join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  const settings = ["package.json", "tsconfig.json", "tsconfig.build.json"];
  const inputs = [...settings, "src", ...sources.map((name) => path.join("src", name))];
  return inputs.every((name) => statSync(path.join(ROOT, name)).mtimeMs < builtAt);
}
