// Makes the declarations in `dist` good for a project without `@types/node`: TypeScript alone is enough to use codexd.
//
// The sources name a few of Node's types. Their declarations get them from one file of `dist`'s own, which stands for
// Node's type where a project has it, and for the part that codexd means by it where it has not. Invariant: what a
// declaration says is not changed, an import is put before it.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const FILE = "node-types";

const NODE_TYPES = `// Node's own types where a project has them, and what codexd means by them where it has not.

export type Buffer = typeof globalThis extends { Buffer: { prototype: infer T } } ? T : Uint8Array;

export type AbortSignal = typeof globalThis extends { AbortSignal: { prototype: infer T } } ? T : {
    readonly aborted: boolean;
    readonly reason: unknown;
    addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
    removeEventListener(type: "abort", listener: () => void): void;
};

export declare namespace NodeJS {
    type ProcessEnv = { [name: string]: string | undefined };
    type Signals = "SIGHUP" | "SIGINT" | "SIGKILL" | "SIGTERM";
}
`;

const NAMES = ["Buffer", "AbortSignal", "NodeJS"];

/** Writes into `dist`, where the compiler has put the declarations. */
export function freeDeclarations(dist: string): void {
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".d.ts"));
  for (const file of files) {
    const text = readFileSync(path.join(dist, file), "utf8");
    const used = NAMES.filter((name) => new RegExp(`(?<![."'\`\\w])${name}\\b(?!["'\`])`).test(withoutComments(text)));
    if (used.length === 0) continue;
    const up = path.posix.relative(path.dirname(file.replaceAll(path.sep, "/")), "") || ".";
    const first = /^#!.*\n/.exec(text)?.[0] ?? "";
    const line = `import type { ${used.join(", ")} } from "${up}/${FILE}.js";\n`;
    writeFileSync(path.join(dist, file), first + line + text.slice(first.length));
  }
  writeFileSync(path.join(dist, `${FILE}.d.ts`), NODE_TYPES);
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
}
