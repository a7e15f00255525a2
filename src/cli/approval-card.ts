// An approval as a person sees it who is to decide: what is asked, and all that it is about.
//
// Pure text of several lines. Invariant: nothing is left out or made to look like something else: a diff, a command
// or a permission stands there as Codex gave it, and what cannot be seen stands there by its number.

import { isObject } from "../base/decode.ts";
import type { ApprovalChange, ApprovalRecord } from "../core/approvals.ts";
import { LIMITS } from "../core/limits.ts";
import { oneLine, visible } from "./event-text.ts";
import type { Screen } from "./screen.ts";

type Paint = Screen["paint"];

/** Ends in a newline. Times are the terminal's own. */
export function approvalCard(approval: ApprovalRecord, paint: Paint): string {
  const { approvalId, kind, summary } = approval;
  const changes = approval.changes ?? [];
  const chars = changes.reduce((sum, { diff }) => sum + diff.length, 0);
  return [
    `${paint("yellow", `Codex asks (${kind.replaceAll("_", " ")}, ${approvalId}):`)} ${visible(oneLine(summary))}\n`,
    ...factRows(approval),
    ...changes.map((change) => changeText(change, paint)),
    // So much is kept of them; less than all of it must not look like all.
    ...(chars < LIMITS.approvalDiffCharsMax ? [] : [`  ${paint("yellow", "… what follows is not shown")}\n`]),
  ].join("");
}

/** What it is about besides its changes, a row each, with a newline at the end. */
export function factRows(approval: ApprovalRecord): string[] {
  const { expiresAt, params } = approval;
  // An MCP tool's approval says there what it is about.
  const meta = isObject(params["_meta"]) ? params["_meta"] : {};
  const toolWord = typeof meta["tool_name"] === "string" ? meta["tool_name"] : null;
  const rows: Array<readonly [string, string | null]> = [
    ["command", approval.command],
    ["in", approval.cwd],
    ["because", wordOf(approval, "reason")],
    ["root", wordOf(approval, "grantRoot")],
    ["server", wordOf(approval, "serverName")],
    ["message", wordOf(approval, "message")],
    ["url", wordOf(approval, "url")],
    ["tool", wordOf(approval, "tool") ?? toolWord],
    ["with", jsonOf(approval.params["arguments"] ?? meta["tool_params"])],
    ["network", jsonOf(approval.params["networkApprovalContext"])],
    ["more", jsonOf(approval.params["additionalPermissions"])],
    ["asks for", jsonOf(approval.permissions)],
    ["until", expiresAt === null ? null : `${new Date(expiresAt).toTimeString().slice(0, 8)}, then it is declined`],
  ];
  return rows.flatMap(([name, text]) => (text === null ? [] : [factRow(name, text)]));
}

/** One more such row. */
export function factRow(name: string, text: string): string {
  return `  ${name.padEnd(8)}  ${visible(text).replaceAll("\n", `\n${" ".repeat(12)}`)}\n`;
}

function wordOf({ params }: ApprovalRecord, name: string): string | null {
  const value = params[name];
  return typeof value === "string" && value !== "" ? value : null;
}

function jsonOf(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value, null, 2);
}

/** One file with its diff. */
export function changeText(change: ApprovalChange, paint: Paint): string {
  const { kind, diff } = change;
  const lines = visible(diff).replace(/\n$/, "").split("\n");
  // Of a file that is new or goes, Codex gives the content and no diff of it.
  const sign = kind === "add" ? "+" : kind === "delete" ? "-" : "";
  const shown = diff === "" ? [] : lines.map((line) => `  ${diffLine(`${sign}${line}`, paint)}\n`);
  return `  ${paint("bold", changeName(change))}\n${shown.join("")}`;
}

/** Its kind and path on one line. */
export function changeName({ path, kind, movePath }: ApprovalChange): string {
  const moved = movePath === undefined ? "" : ` -> ${movePath}`;
  return visible(`${kind} ${path}${moved}`).replaceAll("\n", "\\u{a}");
}

function diffLine(line: string, paint: Paint): string {
  if (line.startsWith("+")) return paint("green", line);
  if (line.startsWith("-")) return paint("red", line);
  return line.startsWith("@@") ? paint("cyan", line) : line;
}
