// Who may import whom in `src`: the layers as a table, and the rule that reads it.
//
// Types alone follow the same rule. A folder may always import itself.

import { readImports, type SourceFile } from "./tidy-source.ts";

export interface Violation {
  readonly path: string;
  /** 0 where it is about the file as a whole. */
  readonly line: number;
  readonly problem: string;
}

/** What is split over several files in `src` itself is one layer, named after the first of them. */
const ONE_LAYER: ReadonlyArray<readonly [RegExp, string]> = [
  [/^config-.+\.ts$/, "config.ts"],
  // The composition root.
  [/^(?:parts|child-wiring|run-wiring|state-store|daemon-.+)\.ts$/, "daemon.ts"],
];

/** Files that stand in `src` itself are layers by their own name. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  "version.ts": ["base"],
  core: ["base"],
  protocol: ["base", "core"],
  codex: ["base", "core", "protocol"],
  store: ["base", "core"],
  child: ["base", "core", "protocol", "codex"],
  service: ["base", "core", "protocol", "codex", "store", "child"],
  // Never store or child: the journal is read through the services.
  http: ["base", "core", "protocol", "service", "version.ts"],
  agent: ["base", "core", "protocol", "version.ts"],
  "config.ts": ["base", "core", "version.ts"],
  "daemon.ts": ["base", "core", "protocol", "codex", "store", "child", "service", "config.ts", "version.ts"],
  "local-service.ts": [
    "base", "core", "protocol", "codex", "store", "child", "service", "http", "config.ts", "daemon.ts", "version.ts",
  ],
  // The store only to read: which of its modules may stand here is in CLI_STORE_MODULES.
  cli: ["base", "core", "protocol", "store", "config.ts", "local-service.ts", "client", "version.ts"],
  client: ["base", "core", "protocol"],
  // A face of its own beside index.ts.
  "framer.ts": ["protocol"],
  "index.ts": [
    "base", "core", "protocol", "codex", "store", "child", "service", "http", "cli", "config.ts", "daemon.ts",
    "local-service.ts", "client", "version.ts",
  ],
};

/** Of the lock only its probe, which the list of imported names cannot say. */
const CLI_STORE_MODULES = [
  "src/store/token.ts", "src/store/disk.ts", "src/store/lock.ts", "src/store/read-state.ts", "src/store/types.ts",
];

/** Imports against the table, and folders or files of `src` that it does not know. */
export function findLayerViolations(files: readonly SourceFile[]): Violation[] {
  const sources = files.filter(({ path }) => path.startsWith("src/"));
  return sources.flatMap((file) => {
    const layer = layerOf(file.path);
    const allowed = MAY_IMPORT[layer];
    if (allowed === undefined) return [{ path: file.path, line: 0, problem: `${layer} is not a layer` }];
    return readImports(file).flatMap(({ to, line }) => {
      const target = layerOf(to);
      if (!to.startsWith("src/")) return [{ path: file.path, line, problem: `imports ${to}, outside src` }];
      if (layer === "cli" && target === "store" && !CLI_STORE_MODULES.includes(to)) {
        return [{ path: file.path, line, problem: `cli imports ${to}: it may only read the store's files` }];
      }
      if (target === layer || allowed.includes(target)) return [];
      return [{ path: file.path, line, problem: `${layer} may not import ${target}` }];
    });
  });
}

/** Folders that import each other in a circle, each circle once. */
export function findFolderCycles(files: readonly SourceFile[]): Violation[] {
  const edges = new Map<string, Set<string>>();
  for (const file of files.filter(({ path }) => path.startsWith("src/"))) {
    for (const { to } of readImports(file)) {
      const from = layerOf(file.path);
      if (from === layerOf(to)) continue;
      edges.set(from, (edges.get(from) ?? new Set()).add(layerOf(to)));
    }
  }
  const found = new Map<string, Violation>();
  const walk = (trail: readonly string[]): void => {
    const layer = trail.at(-1) ?? "";
    for (const next of edges.get(layer) ?? []) {
      const start = trail.indexOf(next);
      if (start === -1) {
        walk([...trail, next]);
        continue;
      }
      const circle = trail.slice(start);
      const problem = `import each other in a circle: ${[...circle, next].join(" > ")}`;
      const key = [...circle].sort().join(" ");
      if (!found.has(key)) found.set(key, { path: "src", line: 0, problem });
    }
  };
  for (const layer of edges.keys()) walk([layer]);
  return [...found.values()];
}

/** `src/store/x.ts` is `store`, `src/daemon.ts` is `daemon.ts`. */
function layerOf(file: string): string {
  const name = file.split("/")[1] ?? "";
  return ONE_LAYER.find(([pattern]) => pattern.test(name))?.[1] ?? name;
}
