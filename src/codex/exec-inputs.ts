// What may be asked of `codex exec`: a check for each value, the same for callers over HTTP and for programs.
//
// Deliberately not how the values are passed on (exec-arguments.ts). Invariant: what passes here cannot become an
// option, load code into the process or send its credentials elsewhere by the name of a variable.

import {
  anyObject, array, boolean, DecodeError, described, integer, mismatch, object, oneOf, optional, record, required,
  shownName, string,
  type Decoder,
} from "../base/decode.ts";
import { arraySchema, mapSchema, STRING_SCHEMA } from "../base/json-schema.ts";
import { absolutePath, checkText, word } from "../core/input-fields.ts";
import { LIMITS } from "../core/limits.ts";
import { SANDBOX_MODES } from "../core/records.ts";
import type { CodexExecRequest } from "../core/runs.ts";

export type ExecValues = Pick<CodexExecRequest,
  | "prompt" | "cwd" | "model" | "profile" | "sandbox" | "config" | "images" | "additionalWritableDirectories" | "env"
  | "skipGitRepoCheck" | "ephemeral" | "outputSchema" | "timeoutMs">;

/** Dotted, as Codex splits it; quotes are for a part that has a dot in it. */
const CONFIG_KEY = /^[A-Za-z0-9_"'][A-Za-z0-9_.:/@"'-]*$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Variables that load code, redirect credentials, or say whose a process is. In any case of letters: `http_proxy` and
 * `HTTP_PROXY` mean the same to most.
 */
const REFUSED_VARIABLES = new RegExp(`^(?:${[
  "LD_.*", "DYLD_.*", "NODE_.*", "BASH_ENV", "ENV", "GIT_.*", "PYTHON.*", "PERL5.*", "RUBY.*", "CODEX_HOME",
  ".*_BASE_URL", ".*_PROXY", "PATH", "HOME", "BAA_CODEXD_.*", "CODEXD_.*",
  // Of the same kinds: what libraries, shells and the JVM load or read before anything else, and whom TLS trusts.
  "GCONV_PATH", "OPENSSL_.*", "PERLLIB", "BASHOPTS", "SHELLOPTS", "PS4", "IFS", "ZDOTDIR", "JAVA_TOOL_OPTIONS",
  "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "SSL_CERT_FILE", "SSL_CERT_DIR",
  // Codex's own but keys and tokens: among them are where it logs in, refreshes its tokens, and has commands run.
  "CODEX_(?!.*_(?:KEY|TOKEN)$).*",
  // Where names of hosts and clouds lead to, which hold a program to run besides, and what writes down TLS's keys.
  "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "SSLKEYLOGFILE", "GLIBC_TUNABLES", ".*_ENDPOINT", "AWS_ENDPOINT_URL.*",
  "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONTAINER_CREDENTIALS_.*", "AWS_CA_BUNDLE",
].join("|")})$`, "i");

/** Not empty, because Codex refuses such a prompt; without NUL, which ends a text wherever C is at work. */
const prompt: Decoder<string> = described((value: unknown, path: string) => {
  if (typeof value !== "string" || value.trim() === "") throw mismatch(path, value, "a string that is not blank");
  checkNoNul(value, path);
  checkText(value, path);
  return value;
}, { type: "string", minLength: 1, maxLength: LIMITS.inputTextCharsMax });

const configPair: Decoder<string> = described((value: unknown, path: string) => {
  if (typeof value !== "string") throw mismatch(path, value, "a string key=value");
  const key = value.slice(0, Math.max(0, value.indexOf("=")));
  if (!CONFIG_KEY.test(key)) throw mismatch(path, value, "key=value with a key of letters, digits and _.:/@-");
  checkNoNul(value, path);
  return value;
}, { type: "string", pattern: "^[^=]+=" });

/** Codex takes a comma in `--image` for the end of a path. */
const imagePath: Decoder<string> = described((value: unknown, path: string) => {
  const image = absolutePath(value, path);
  if (image.includes(",")) throw new DecodeError(path, "has a comma, at which Codex would cut it in two");
  return image;
}, { type: "string", pattern: "^/[^,]*$" });

const environment: Decoder<Readonly<Record<string, string>>> = described((value: unknown, path: string) => {
  const map = record(string)(value, path);
  for (const [name, text] of Object.entries(map)) {
    const at = `${path}.${shownName(name)}`;
    if (!VARIABLE.test(name)) throw new DecodeError(at, "must be the name of a variable: letters, digits and _");
    if (REFUSED_VARIABLES.test(name)) {
      throw new DecodeError(at, "may not be set: it could load code, redirect credentials or hide whose a process is");
    }
    checkNoNul(text, at);
  }
  if (Buffer.byteLength(JSON.stringify(map)) > LIMITS.runEnvironmentBytesMax) {
    throw new DecodeError(path, `must be at most ${LIMITS.runEnvironmentBytesMax} bytes of JSON`);
  }
  return map;
}, mapSchema(STRING_SCHEMA));

/** One decoder a field, for requests that take these among others. */
export const EXEC_FIELDS = {
  prompt: required(prompt),
  cwd: optional(absolutePath),
  model: optional(word),
  profile: optional(word),
  sandbox: optional(oneOf(...SANDBOX_MODES)),
  config: optional(argumentList(configPair, LIMITS.runConfigsMax)),
  images: optional(argumentList(imagePath, LIMITS.runPathsMax)),
  additionalWritableDirectories: optional(argumentList(absolutePath, LIMITS.runPathsMax)),
  env: optional(environment),
  skipGitRepoCheck: optional(boolean),
  ephemeral: optional(boolean),
  outputSchema: optional(anyObject),
  timeoutMs: optional(integer(1, LIMITS.timerMsMax)),
} as const;

const decodeExecValues: Decoder<ExecValues> = object<ExecValues>(EXEC_FIELDS);

/**
 * The values of a request, whoever made it.
 *
 * @throws {DecodeError} that names the field.
 */
export function checkExecValues(request: CodexExecRequest): ExecValues {
  const names = Object.keys(EXEC_FIELDS) as Array<keyof ExecValues>;
  return decodeExecValues(Object.fromEntries(names.map((name) => [name, request[name]])), "");
}

/** A list whose elements each become an argument: the kernel takes 128 KiB for one, and about 2 MiB for all. */
function argumentList(element: Decoder<string>, itemsMax: number): Decoder<readonly string[]> {
  const list = array(element);
  return described((value: unknown, path: string) => {
    const elements = list(value, path);
    if (elements.length > itemsMax) throw new DecodeError(path, `must have at most ${itemsMax} elements`);
    const bytes = elements.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    if (bytes > LIMITS.runArgumentsBytesMax) {
      throw new DecodeError(path, `must be at most ${LIMITS.runArgumentsBytesMax} bytes in all`);
    }
    return elements;
  }, { ...arraySchema(element.schema), maxItems: itemsMax });
}

function checkNoNul(text: string, path: string): void {
  const at = text.indexOf("\0");
  if (at >= 0) throw new DecodeError(path, `has a NUL character at ${at}, which no process can be given`);
}
