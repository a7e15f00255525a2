// What the app-server asks of its client, as a table: one row a method, the request in, what a person decides by out.
//
// Answers stand in server-answers.ts. Everything is read leniently, since it comes from another program: what cannot
// be read is absent, never an error. Invariant: a file change lists each of its paths, also one that cannot be read
// (as an empty path), so that nothing is judged by less than was asked.

import { isObject } from "../base/decode.ts";
import { KIND_DECISIONS, type ApprovalChange, type ApprovalDecision, type ApprovalFacts } from "../core/approvals.ts";
import { LIMITS } from "../core/limits.ts";
import { shownCommand } from "./command-words.ts";
import { oneLine } from "./one-line.ts";

/** The error for a request that is not in the table: Codex would wait for an answer for ever. JSON-RPC's own code. */
export const UNSUPPORTED = { code: -32_601, message: "unsupported" } as const;

/** The error for one more than anybody can answer; the code by which Codex says so itself. */
export const TOO_MANY = { code: -32_001, message: "too many questions wait for an answer" } as const;

type Members = Readonly<Record<string, unknown>>;
type Read = Partial<ApprovalFacts> & Pick<ApprovalFacts, "summary">;

interface Row {
  readonly kind: Exclude<ApprovalFacts["kind"], "other">;
  readonly read: (params: Members, item: Members) => Read;
}

/** A second protocol, `execCommandApproval` and `applyPatchApproval`, is for threads of a kind that nobody starts. */
const ROWS: ReadonlyMap<string, Row> = new Map<string, Row>([
  ["item/commandExecution/requestApproval", { kind: "command", read: readCommand }],
  ["item/fileChange/requestApproval", { kind: "file_change", read: readFileChange }],
  ["item/permissions/requestApproval", { kind: "permissions", read: readPermissions }],
  ["item/tool/requestUserInput", { kind: "user_input", read: readUserInput }],
  ["mcpServer/elicitation/request", { kind: "mcp_elicitation", read: readElicitation }],
  ["item/tool/call", { kind: "tool_call", read: readToolCall }],
]);

/**
 * What a person needs to decide. Undefined for what cannot be served: `UNSUPPORTED` answers it.
 *
 * @param item the item that it is about, as `item/started` had it; undefined where none is known.
 */
export function readApprovalFacts(
  method: string, params: Members, item: Members | undefined,
): ApprovalFacts | undefined {
  const row = ROWS.get(method);
  if (row === undefined) return undefined;
  const { kind } = row;
  const read = row.read(params, item ?? {});
  return {
    command: null,
    cwd: null,
    changes: null,
    permissions: null,
    questions: null,
    allowedDecisions: KIND_DECISIONS[kind],
    ...read,
    kind,
    summary: oneLine(read.summary, LIMITS.approvalSummaryCharsMax),
  };
}

/** What an MCP tool approval may be remembered for, such as `session`; none for any other elicitation. */
export function rememberedFor(params: Members): readonly string[] {
  const meta = membersOf(params["_meta"]);
  if (meta["codex_approval_kind"] !== "mcp_tool_call") return [];
  return [meta["persist"]].flat().filter((word) => typeof word === "string");
}

/** The fields that a form cannot be sent without; null for what is no form that can be read. */
export function requiredFields(params: Members): readonly string[] | null {
  const { mode, requestedSchema } = params;
  if (mode === "url") return [];
  if (!isObject(requestedSchema)) return null;
  const required = requestedSchema["required"] ?? [];
  return Array.isArray(required) && required.every((name) => typeof name === "string") ? required : null;
}

function readCommand(params: Members, item: Members): Read {
  const started = item["type"] === "commandExecution" ? item : {};
  const command = textOf(params["command"]) ?? textOf(started["command"]);
  const cwd = textOf(params["cwd"]) ?? textOf(started["cwd"]);
  const more = params["additionalPermissions"];
  const permissions = isObject(more) ? more : null;
  const where = cwd === null ? "" : ` in ${cwd}`;
  const shown = command === null ? "a command" : shownCommand(command);
  const doing = commandVerb(params) + (permissions === null ? "" : ` with ${permissionWords(permissions)}:`);
  return { command, cwd, permissions, summary: `${doing} ${shown}${where}${reasonOf(params)}` };
}

/** Not every such request is about a new command. */
function commandVerb(params: Members): string {
  const network = membersOf(params["networkApprovalContext"]);
  if (params["networkApprovalContext"] !== undefined && params["networkApprovalContext"] !== null) {
    return `reach ${textOf(network["host"]) ?? "the network"} (${textOf(network["protocol"]) ?? "network"}) for`;
  }
  return params["kind"] === "writeStdin" ? "type into the terminal of" : "run";
}

function readFileChange(params: Members, item: Members): Read {
  const listed = item["type"] === "fileChange" ? item["changes"] : undefined;
  const changes = Array.isArray(listed) ? readChanges(listed) : null;
  const { grantRoot } = params;
  // First, since it is the most that is asked for, and a line is cut at its end.
  const root = grantRoot === null || grantRoot === undefined
    ? "" : `write anywhere below ${textOf(grantRoot) ?? "?"} for the rest of the session, and `;
  return { changes, summary: `${root}${changeWords(changes)}${reasonOf(params)}` };
}

function readChanges(listed: readonly unknown[]): ApprovalChange[] {
  let room: number = LIMITS.approvalDiffCharsMax;
  return listed.map((entry) => {
    const change = membersOf(entry);
    const kind = isObject(change["kind"]) ? change["kind"] : { type: change["kind"] };
    const moved = kind["move_path"] ?? kind["movePath"] ?? null;
    const diff = (textOf(change["diff"]) ?? "").slice(0, room);
    room -= diff.length;
    return {
      path: textOf(change["path"]) ?? "",
      kind: textOf(kind["type"]) ?? "update",
      ...(moved === null ? {} : { movePath: textOf(moved) ?? "" }),
      diff,
    };
  });
}

function changeWords(changes: readonly ApprovalChange[] | null): string {
  if (changes === null) return "change files";
  // More than are shown need not be put into words.
  const words = changes.slice(0, LIMITS.approvalSummaryCharsMax).map(({ kind, path, movePath }) => {
    const moved = movePath === undefined ? "" : ` (moved to ${movePath || "?"})`;
    return `${kind} ${path || "?"}${moved}`;
  });
  return `change ${changes.length} ${changes.length === 1 ? "file" : "files"}: ${words.join(", ")}`;
}

function readPermissions(params: Members): Read {
  const permissions = membersOf(params["permissions"]);
  return {
    permissions,
    cwd: textOf(params["cwd"]),
    summary: `grant ${permissionWords(permissions)}${reasonOf(params)}`,
  };
}

/** `write /a, read /b, network`; what it does not know by its name. */
function permissionWords(permissions: Members): string {
  const words = new Set<string>();
  for (const [name, value] of Object.entries(permissions)) {
    if (value === null) continue;
    if (name === "fileSystem") fileSystemWords(membersOf(value)).forEach((word) => words.add(word));
    else if (name !== "network" || membersOf(value)["enabled"] === true) words.add(name);
  }
  return words.size === 0 ? "no permissions" : [...words].join(", ");
}

function fileSystemWords(fileSystem: Members): string[] {
  const { write, read, entries } = fileSystem;
  const paths = (list: unknown, access: string): string[] =>
    Array.isArray(list) ? list.map((path) => `${access} ${textOf(path) ?? "?"}`) : [];
  const listed = Array.isArray(entries) ? entries.map((entry) => {
    const { access, path } = membersOf(entry);
    const { path: plain, pattern, value } = membersOf(path);
    const special = textOf(membersOf(value)["kind"]);
    return `${textOf(access) ?? "?"} ${textOf(plain) ?? textOf(pattern) ?? (special === null ? "?" : `:${special}`)}`;
  }) : [];
  return [...paths(write, "write"), ...paths(read, "read"), ...listed];
}

function readUserInput(params: Members): Read {
  const questions: readonly unknown[] = Array.isArray(params["questions"]) ? params["questions"] : [];
  const { question, header, options } = membersOf(questions[0]);
  const labels = Array.isArray(options) ? options.map((option) => textOf(membersOf(option)["label"]) ?? "?") : [];
  const choice = labels.length === 0 ? "" : ` (${labels.join(" | ")})`;
  const more = questions.length > 1 ? `${questions.length} questions, first: ` : "";
  return { questions, summary: `answer ${more}${textOf(question) ?? textOf(header) ?? "a question"}${choice}` };
}

function readElicitation(params: Members): Read {
  const meta = membersOf(params["_meta"]);
  const server = textOf(params["serverName"]) ?? "?";
  const tool = textOf(meta["tool_name"]) ?? textOf(meta["tool_title"]);
  const asks = textOf(params["message"]) ?? textOf(params["title"]) ?? "for input";
  const url = params["mode"] === "url" ? ` ${textOf(params["url"]) ?? "?"}` : "";
  const isToolApproval = meta["codex_approval_kind"] === "mcp_tool_call" && tool !== null;
  const summary = isToolApproval
    ? `run the tool ${tool} of the MCP server ${server} with ${jsonOf(meta["tool_params"])}`
    : `the MCP server ${server} asks: ${asks}${url}`;
  return { summary, allowedDecisions: elicitationDecisions(params) };
}

/** Where something has to be filled in, a word cannot say it. */
function elicitationDecisions(params: Members): readonly ApprovalDecision[] {
  const withoutWords = requiredFields(params)?.length !== 0;
  const once = rememberedFor(params).includes("session") ? [] : ["acceptForSession"];
  return KIND_DECISIONS.mcp_elicitation.filter((word) =>
    !(withoutWords && word.startsWith("accept")) && !once.includes(word));
}

function readToolCall(params: Members): Read {
  const namespace = textOf(params["namespace"]);
  const tool = textOf(params["tool"]) ?? "?";
  const name = namespace === null ? tool : `${namespace}.${tool}`;
  return { summary: `call the tool ${name} with ${jsonOf(params["arguments"])}` };
}

function reasonOf(params: Members): string {
  const reason = textOf(params["reason"]);
  return reason === null ? "" : ` (${reason})`;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function membersOf(value: unknown): Members {
  return isObject(value) ? value : {};
}

/** It came as JSON, so it can be written as such. */
function jsonOf(value: unknown): string {
  return JSON.stringify(value ?? {});
}
