// The code of an error of the system, such as ENOENT, out of whatever was thrown.
//
// Deliberately without a list of codes: which of them mean what is for who has asked the system for something.

import { isObject } from "./decode.ts";

/** Undefined for what has none. */
export function errorCode(error: unknown): string | undefined {
  const code = isObject(error) ? error["code"] : undefined;
  return typeof code === "string" ? code : undefined;
}
