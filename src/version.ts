// codexd's own version, from the package.json that lies beside this module (a built dist) or above it (the source).
//
// Deliberately not a constant: a release changes package.json and nothing else.

import { readFileSync } from "node:fs";
import { isObject } from "./base/decode.ts";
import { errorCode } from "./base/error-code.ts";

/**
 * The version in codexd's package.json; a dist copied alone has one of its own.
 *
 * @param base the URL that the two places are relative to; a parameter for tests.
 * @throws {Error} when neither place has codexd's package.json.
 */
export function readVersion(base: string = import.meta.url): string {
  for (const place of ["./package.json", "../package.json"]) {
    const version = versionIn(new URL(place, base));
    if (version !== null) return version;
  }
  throw new Error("codexd's package.json lies neither beside its program nor one folder above");
}

function versionIn(file: URL): string | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    // The other place is still to be looked at.
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
  const manifest: unknown = JSON.parse(text);
  // A dist copied into another project must not take that project's version for its own.
  if (!isObject(manifest) || manifest["name"] !== "codexd") return null;
  return typeof manifest["version"] === "string" ? manifest["version"] : null;
}
