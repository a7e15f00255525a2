// Installs the development packages when they are missing or not those of the lock file; otherwise does nothing.
//
// Plain JavaScript on bare Node: every npm script starts with it, so that each works as the first command of a clean
// clone. Silent unless npm fails; then npm's own words and exit code. By content, not by time: a fresh checkout beside
// packages that fit must not install them again.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const wanted = createHash("sha256").update(readFileSync(path.join(root, "package-lock.json"))).digest("hex");
/** Written after an installation: a half-made node_modules has none. */
const stamp = path.join(root, "node_modules", ".installed-from");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: root, encoding: "utf8" });
  if (npm.status !== 0) {
    process.stderr.write(`npm ci failed:\n${npm.error?.message ?? ""}${npm.stdout ?? ""}${npm.stderr ?? ""}`);
    process.exit(npm.status ?? 1);
  }
  writeFileSync(stamp, wanted);
}
