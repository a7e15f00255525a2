// `npm run vendor [-- DIR]`: makes `vendor/codexd-<version>/`, all that a machine without network needs.
//
// A copy of `dist` with the licence and the checksums of every file: nothing is packed, so that it can be read,
// compared and checked in. Invariant: `sha256sum -c SHA256SUMS` in that folder accepts exactly what is there.

import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build, ROOT } from "./dist.ts";
import { main } from "./run.ts";

/** Gives the folder that it has made inside `parent`; one of the same version is replaced when the new one is whole. */
export function vendor(parent: string): string {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as { version: string };
  const folder = path.join(parent, `codexd-${version}`);
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  cpSync(path.join(ROOT, "dist"), path.join(fresh, "dist"), { recursive: true });
  cpSync(path.join(ROOT, "LICENSE"), path.join(fresh, "LICENSE"));
  writeFileSync(path.join(fresh, "SHA256SUMS"), checksums(fresh));
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  return folder;
}

/** As `sha256sum` writes it, in the order of the names, so that the same sources give the same file. */
function checksums(folder: string): string {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => statSync(path.join(folder, name)).isFile()).sort();
  return files.map((name) => {
    const digest = createHash("sha256").update(readFileSync(path.join(folder, name))).digest("hex");
    return `${digest}  ${name}\n`;
  }).join("");
}

if (process.argv[1] === import.meta.filename) {
  await main(() => {
    build();
    const folder = vendor(path.resolve(ROOT, process.argv[2] ?? "vendor"));
    process.stdout.write(`${path.relative(process.cwd(), folder)}\n`);
  });
}
