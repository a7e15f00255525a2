// What a prompt is made of on the command line: its text, and the files that go with it.
//
// Knows no routes. Invariants: standard input is read only where the command line says so or nothing else is left to
// send, so that a pipe which nobody closes never holds a command up; what cannot be read is told by its name, before
// the daemon is asked for anything.

import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { isObject } from "../base/decode.ts";
import { EXIT, ExitError, errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { flagValue, type CliContext, type CodexdCliRequest, type FlagSpec } from "./command.ts";

export const SCHEMA_FLAG: FlagSpec = {
  name: "output-schema", takes: "FILE", summary: "a JSON Schema that the answer is to follow",
};

export const KEY_FLAG: FlagSpec = {
  name: "idempotency-key", takes: "KEY", summary: "the same command again goes on with what the first one began",
};

export const IMAGE_FLAG: FlagSpec = { name: "image", takes: "FILE", summary: "an image to send along; repeatable" };

/**
 * The text given; with `-` in its place, or without one where standard input is no terminal, what comes from there;
 * with `-` behind it both, the piped text as `codex exec` marks it.
 *
 * @throws (rejects) {ExitError} 64 for a prompt of nothing but blanks; the signal's reason.
 */
export async function readPrompt(context: CliContext): Promise<string> {
  const { io, signal } = context;
  const [text, more] = context.request.positionals;
  if (more !== undefined && (more !== "-" || text === "-")) {
    throw new ExitError(EXIT.usage, `${JSON.stringify(more)} is one argument too many; put a text of several words ` +
      "in quotes");
  }
  if (text === undefined && io.stdinIsTerminal) {
    throw new ExitError(EXIT.usage, `a text is missing; codexd ${context.request.command} "…", or pipe it in`);
  }
  const piped = text === undefined || text === "-" || more === "-"
    ? await unlessAborted(io.readStdin(), signal) : null;
  const prompt = piped === null ? (text ?? "") : more === "-" ? `${text}\n\n<stdin>\n${piped}\n</stdin>` : piped;
  if (prompt.trim() === "") throw new ExitError(EXIT.usage, "the text must not be empty");
  return prompt;
}

/** What `--output-schema` names. @throws (rejects) {ExitError} 64 where that is no JSON object. */
export async function readOutputSchema({ request, io }: CliContext): Promise<Record<string, unknown> | undefined> {
  const file = flagValue(request, SCHEMA_FLAG.name);
  if (file === undefined) return undefined;
  let schema: unknown;
  try {
    schema = JSON.parse(await readFile(path.resolve(io.platform.cwd, file), "utf8"));
  } catch (error) {
    const what = error instanceof SyntaxError ? "is not JSON" : "cannot be read";
    throw new ExitError(EXIT.usage, `--output-schema: ${file} ${what}: ${errorMessage(error)}`, { cause: error });
  }
  if (isObject(schema)) return schema;
  throw new ExitError(EXIT.usage, `--output-schema: ${file} must hold a JSON object`);
}

/** What `--idempotency-key` gives. @throws {ExitError} 64 for what the API would not take. */
export function readKey(request: CodexdCliRequest): string | undefined {
  const key = flagValue(request, KEY_FLAG.name);
  if (key === undefined || (/^[!-~]+$/.test(key) && key.length <= LIMITS.clientKeyCharsMax)) return key;
  const most = LIMITS.clientKeyCharsMax;
  throw new ExitError(EXIT.usage, `--${KEY_FLAG.name} takes 1 to ${most} visible ASCII characters without a space, ` +
    `got ${JSON.stringify(key)}`);
}

/** The absolute paths of all `--image`. @throws (rejects) {ExitError} 64 for what is no file, or cannot be read. */
export async function imagePaths({ request, io }: CliContext): Promise<string[]> {
  const files = request.options.flatMap(([flag, value]) => (flag === IMAGE_FLAG.name ? [value] : []));
  return Promise.all(files.map(async (file) => {
    const whole = path.resolve(io.platform.cwd, file);
    try {
      await access(whole, constants.R_OK);
      if ((await stat(whole)).isFile()) return whole;
    } catch (error) {
      throw new ExitError(EXIT.usage, `--image: ${file} cannot be read: ${errorMessage(error)}`, { cause: error });
    }
    throw new ExitError(EXIT.usage, `--image: ${file} is no file`);
  }));
}

/** `work`, which cannot be ended; the signal ends the waiting for it. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let leave = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    leave = () => signal.removeEventListener("abort", onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    leave();
  }
}
