// Gives Node the compiled text of each source below its own name, so that paths, `import.meta` and stacks are those of
// the sources.
//
// Deliberately without any transformation or look at the time of a file: `compiled.ts` has made all of it before.

import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const rootUrl = pathToFileURL(root).href;
const compiled = path.join(root, ".cache", "compiled");

const isSource = (url) => url !== undefined && url.endsWith(".ts") && url.startsWith(rootUrl);

/** The compiler writes `.js` where a source imports another one. */
export function resolve(specifier, context, next) {
  if (!specifier.startsWith(".") || !isSource(context.parentURL)) return next(specifier, context);
  const url = new URL(specifier.replace(/\.js$/, ".ts"), context.parentURL).href;
  return isSource(url) ? { url, format: "module", shortCircuit: true } : next(specifier, context);
}

export function load(url, context, next) {
  if (!isSource(url)) return next(url, context);
  const file = path.join(compiled, path.relative(root, fileURLToPath(url)).replace(/\.ts$/, ".js"));
  return { format: "module", source: readFileSync(file), shortCircuit: true };
}
