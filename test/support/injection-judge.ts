// What became of one request: the process that it started, the lines that it caused, and the answer that it got.
//
// The rules are those that are promised to callers, told anew here, not those of the code that keeps them. Invariant:
// every rule gives a sentence for what broke it, and none looks at what another request has done.

import { statSync } from "node:fs";
import { isObject } from "../../src/base/decode.ts";
import { MARK, wellFormed, type InjectedRequest } from "./injection-cases.ts";
import type { RecordedProcess } from "./recording-codex.ts";

export interface InjectedAnswer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  /** It was given before, to the same key. */
  readonly replayed: boolean;
}

/** What was recorded between the request and its answer. */
export interface Traces {
  readonly runs: readonly RecordedProcess[];
  readonly lines: readonly string[];
}

export interface Surroundings {
  /** The environment of the daemon. */
  readonly env: Readonly<Record<string, string>>;
  /** Where its own files for runs lie. */
  readonly runsDir: string;
  /** Which field each text with a mark was given in, by mark, over all requests. */
  readonly marked: Map<string, { readonly field: string; readonly text: string }>;
}

/** One sentence for each rule that was broken. */
export function judgeAnswer(
  request: InjectedRequest, answer: InjectedAnswer, traces: Traces, surroundings: Surroundings,
): string[] {
  const problems = judgeReply(request, answer);
  if (answer.status === 400 && traces.runs.length > 0) problems.push("it was refused, and a process was started");
  if (answer.status === 400 && traces.lines.length > 0) {
    problems.push(`it was refused, and the app-server was told ${traces.lines[0]}`);
  }
  const isRun = request.route.method === "POST" && request.route.path.endsWith("/runs");
  if (traces.runs.length > (isRun && answer.status < 300 ? 1 : 0)) problems.push("a process was started for nothing");
  for (const run of traces.runs) problems.push(...judgeRun(run, request, surroundings));
  for (const line of traces.lines) problems.push(...judgeLine(line, surroundings));
  return problems;
}

const STATUSES = [200, 201, 202, 400, 404, 409, 410, 413, 415, 422, 426];

function judgeReply({ path, query, header, body, route }: InjectedRequest, answer: InjectedAnswer): string[] {
  const { status, type, text } = answer;
  if (!STATUSES.includes(status)) return [`it was answered with ${status}: ${text.slice(0, 300)}`];
  if (status < 400) return [];
  if (type !== "application/json; charset=utf-8" && type !== "application/json") return [`the refusal is ${type}`];
  const refusal = JSON.parse(text) as { ok?: unknown; error?: unknown; message?: unknown };
  if (refusal.ok !== false || typeof refusal.message !== "string") return [`the refusal is ${text}`];
  if (refusal.error !== "bad_request") return [];
  const sent = [path, query, header, body].flatMap((values) => Object.keys(values));
  const given = sent.flatMap((name) => [name, wellFormed(name)]);
  const known = route.fields.map(({ name }) => name);
  const { message } = refusal;
  const named = [...given, ...known].some((name) => {
    const cut = name.length > 100 ? `${name.slice(0, 100)}…` : name;
    const shown = [name, cut, JSON.stringify(cut)];
    return shown.some((start) => message.startsWith(start) && /^[:.[]/.test(message.slice(start.length)));
  });
  return named ? [] : [`the refusal names no field: ${message}`];
}

const FLAGS = ["--json", "--skip-git-repo-check", "--ephemeral"];
/** Option -> field, where that is not the same word. */
const OPTION_FIELDS: Readonly<Record<string, string>> = {
  "cd": "cwd", "add-dir": "additionalWritableDirectories", "image": "images", "output-schema": "outputSchema",
};
const NEVER_SET = new RegExp(
  "^(LD_.*|DYLD_.*|NODE_.*|BASH_ENV|ENV|GIT_.*|PYTHON.*|PERL5.*|RUBY.*|CODEX_HOME|.*_BASE_URL|.*_PROXY|PATH|HOME"
  + "|BAA_CODEXD_.*|CODEXD_.*)$", "i",
);

/** @param request the one that has started it. */
export function judgeRun(
  { args, options, stdin }: Pick<RecordedProcess, "args" | "options" | "stdin">, { body }: InjectedRequest,
  { env, runsDir }: Surroundings,
): string[] {
  const problems: string[] = [];
  const prompt = wellFormed(String(body["prompt"]));
  if (wellFormed(stdin()) !== prompt) problems.push(`stdin is ${JSON.stringify(stdin().slice(0, 200))}`);
  if (args[0] !== "exec" || args.at(-1) !== "-") problems.push(`the arguments are ${JSON.stringify(args)}`);
  for (const arg of args.slice(1, -1)) {
    const [, option = "", value = ""] = /^--([a-z-]+)=(.*)$/s.exec(arg) ?? [];
    const asked = body[OPTION_FIELDS[option] ?? option];
    const isOwn = option === "output-schema" && isObject(asked) && value.startsWith(`${runsDir}/`);
    const isAsked = asked === value || (Array.isArray(asked) && asked.includes(value));
    const isDefault = option === "cd" && (asked === undefined || asked === null);
    if (!FLAGS.includes(arg) && !isOwn && !isAsked && !isDefault) problems.push(`an argument is ${arg}`);
  }
  if (args.some((arg) => arg.includes("\0"))) problems.push("an argument has a NUL");
  if (!options.cwd.startsWith("/") || !statSync(options.cwd).isDirectory()) problems.push(`it runs in ${options.cwd}`);
  const asked = (body["env"] ?? {}) as Record<string, unknown>;
  for (const [name, value = ""] of Object.entries(options.env)) {
    const isAsked = Object.hasOwn(asked, name) && asked[name] === value && !NEVER_SET.test(name);
    const isInherited = env[name] === value && !/^(BAA_)?CODEXD_/.test(name);
    // Node itself hands this one on, to whatever a process starts that is measured.
    const isNodes = name === "NODE_V8_COVERAGE" && process.env[name] === value;
    const isOwnMark = name === "BAA_CODEXD_RUN_ID";
    if (!isAsked && !isInherited && !isNodes && !isOwnMark) problems.push(`it has ${name} in its environment`);
    if (/[=\0]/.test(name) || value.includes("\0")) problems.push(`the variable ${JSON.stringify(name)} is none`);
  }
  return problems;
}

/** Field -> where in a message it may stand, where that is not `params.<field>`. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  prompt: ["params.input"],
  effort: ["params.effort", "params.config.model_reasoning_effort"],
  reasoningEffort: ["params.config.model_reasoning_effort"],
  method: ["method"],
  result: ["result"],
  search: ["params.searchTerm"],
  source: ["params.sourceKinds"],
  id: ["params.threadId"],
  // Of a call by name all is the caller's.
  params: ["params"],
};

function judgeLine(line: string, { marked }: Surroundings): string[] {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return [`the app-server was given what is no JSON: ${line.slice(0, 300)}`];
  }
  if (!isObject(message)) return [`the app-server was given ${line.slice(0, 300)}`];
  // No parser but a lenient one takes half a surrogate pair.
  if (/(^|[^\\])(\\\\)*\\ud[89a-f]/i.test(line)) return [`a line has half a character: ${line.slice(0, 300)}`];
  const strange = Object.keys(message).filter((key) => !["id", "method", "params", "result", "error"].includes(key));
  const problems = strange.map((key) => `a message has a member ${key}`);
  for (const { at, text } of textsIn(message)) {
    const given = marked.get(MARK.exec(text)?.[0] ?? "");
    if (given === undefined) continue;
    const places = PLACES[given.field] ?? [`params.${given.field}`];
    const isPlace = places.some((place) => at === place || at.startsWith(`${place}.`));
    if (!isPlace) problems.push(`${given.field} stands in ${at}`);
    // A relative path is made whole, a list in one text is taken apart.
    const isWhole = text === given.text || text.endsWith(given.text) || given.field === "source";
    if (!isWhole) problems.push(`${given.field} is ${JSON.stringify(text)}, and was ${JSON.stringify(given.text)}`);
  }
  return problems;
}

/** Remembers what is marked in a request. */
export function rememberMarks(request: InjectedRequest, { marked }: Surroundings): void {
  for (const part of ["path", "query", "header", "body"] as const) {
    for (const [field, value] of Object.entries(request[part])) {
      for (const { text } of textsIn(value)) {
        const mark = MARK.exec(text)?.[0];
        // Half of a character becomes the sign for one that is broken: nobody else takes it in JSON.
        if (mark !== undefined) marked.set(mark, { field, text: wellFormed(text) });
      }
    }
  }
}

/** Every text in a value, names of members too, and where it stands, by names alone. */
function textsIn(value: unknown, at = ""): Array<{ readonly at: string; readonly text: string }> {
  if (typeof value === "string") return [{ at, text: value }];
  if (Array.isArray(value)) return value.flatMap((item) => textsIn(item, at));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const inner = at === "" ? name : `${at}.${name}`;
    return [{ at: inner, text: name }, ...textsIn(member, inner)];
  });
}
