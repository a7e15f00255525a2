// How a test starts a program of the sources: with the loader that the test itself was started with.
//
// Invariant: absolute, so that the program may run in any directory.

const GIVEN = /^--(?:import|require|enable-source-maps)(?:=|$)/;

/** What Node is given before the program's path; empty where this Node reads TypeScript by itself. */
export const LOADER: readonly string[] = process.execArgv.flatMap((word, i, all) => {
  if (!GIVEN.test(word)) return [];
  const takesNext = !word.includes("=") && word !== "--enable-source-maps";
  return takesNext ? [word, absolute(all[i + 1] ?? "")] : [word.replace(/(?<==).*/, absolute)];
});

function absolute(specifier: string): string {
  return /^[a-z]/.test(specifier) && !specifier.includes(":") ? import.meta.resolve(specifier) : specifier;
}
