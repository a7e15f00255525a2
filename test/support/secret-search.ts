// Finds a secret wherever it may have got to, in each of the forms in which it is still one.
//
// Only looks; what may have it is the caller's to say. Invariant: a hit is told by the secret's name and where it was
// found, never by its value.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** Name -> value. */
export type Secrets = Readonly<Record<string, string>>;

/** `<name> (<form>) in <where>` for each secret that is in `text`. */
export function secretsIn(text: string | Buffer, where: string, secrets: Secrets): string[] {
  const haystack = typeof text === "string" ? text : text.toString("latin1");
  return Object.entries(secrets).flatMap(([name, value]) =>
    Object.entries(formsOf(value))
      .filter(([, forms]) => forms.some((form) => haystack.includes(form)))
      .map(([form]) => `${name} (${form}) in ${where}`));
}

/** In the files below `dir`, but for those whose path relative to it is in `except`. */
export function secretsBelow(dir: string, secrets: Secrets, except: readonly string[] = []): string[] {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = entries.map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)));
  return files.filter((file) => !except.includes(file)).flatMap((file) => [
    ...secretsIn(file, `the name ${file}`, secrets), ...secretsIn(readFileSync(path.join(dir, file)), file, secrets),
  ]);
}

/** In what /proc tells everybody of a process, or its own user. */
export function secretsOfProcess(pid: number, secrets: Secrets): string[] {
  return ["cmdline", "environ"].flatMap((file) => {
    const where = `/proc/${pid}/${file}`;
    return secretsIn(readFileSync(where), where, secrets);
  });
}

/** Within base64 a text has another form at each of the three places where it can begin. */
function formsOf(value: string): Record<string, readonly string[]> {
  const bytes = Buffer.from(value);
  const shifted = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64").replaceAll("=", "");
    // What shares a character with its neighbours is cut off.
    return text.slice(before === 0 ? 0 : before + 1, -2);
  });
  const encoded = encodeURIComponent(value);
  return {
    plain: [value], url: encoded === value ? [] : [encoded], hex: [bytes.toString("hex")],
    base64: [...shifted, ...shifted.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"))],
  };
}
