// Installs the development packages when they are missing or older than the lock file; otherwise does nothing.
//
// Plain JavaScript on bare Node: every npm script starts with it, so that each works as the first command of a clean
// clone. Silent unless npm fails; then npm's own words and exit code.

import { spawnSync } from "node:child_process";
import { existsSync, statSync, utimesSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const lockFile = path.join(root, "package-lock.json");
/** npm writes it at the end of an installation: a half-made node_modules has none. */
const stamp = path.join(root, "node_modules", ".package-lock.json");

if (!isCurrent()) {
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: root, encoding: "utf8" });
  if (npm.status !== 0) {
    process.stderr.write(`npm ci failed:\n${npm.error?.message ?? ""}${npm.stdout ?? ""}${npm.stderr ?? ""}`);
    process.exit(npm.status ?? 1);
  }
  const now = new Date();
  utimesSync(stamp, now, now);
}

function isCurrent() {
  return existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lockFile).mtimeMs;
}
