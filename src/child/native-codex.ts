// The native Codex binary behind npm's `codex`, which is a Node program that stays as a parent process on Node 20.
//
// Without the wrapper a signal reaches Codex itself, and a start costs one process less. Deliberately not a search:
// only the places where `@openai/codex` itself looks; anything else is run as it was found.

import { access, constants, readdir, realpath } from "node:fs/promises";
import path from "node:path";

const WRAPPER = path.join("@openai", "codex", "bin", "codex.js");

/** The native binary that `command`, an absolute path, would start; `command` itself where there is no wrapper. */
export async function resolveNativeCodex(command: string): Promise<string> {
  const wrapper = await realpath(command).catch(() => command);
  if (!wrapper.endsWith(path.sep + WRAPPER)) return command;
  const packageRoot = path.dirname(path.dirname(wrapper));
  const platformPackage = `codex-${process.platform}-${process.arch}`;
  const vendors = [
    path.join(packageRoot, "node_modules", "@openai", platformPackage, "vendor"),
    path.join(path.dirname(packageRoot), platformPackage, "vendor"),
    path.join(packageRoot, "vendor"),
  ];
  for (const vendor of vendors) {
    for (const target of await readdir(vendor).catch(() => [])) {
      // The second is where 0.116 and its like have it.
      for (const place of [path.join("bin", "codex"), path.join("codex", "codex")]) {
        const candidate = path.join(vendor, target, place);
        if (await isExecutable(candidate)) return candidate;
      }
    }
  }
  return command;
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(() => true, () => false);
}
