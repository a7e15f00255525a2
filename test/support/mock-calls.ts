// The calls of Codex's tools that the mock model's steps stand for.
//
// A patch goes through the shell, as models do that are offered no tool for it: Codex reads it out of the command.

import type { MockStep } from "./mock-script.ts";

export interface ToolCall {
  readonly name: string;
  readonly namespace?: string;
  /** JSON text. */
  readonly arguments: string;
}

/** A step is one response of the model: one call, or several at once. */
export function toolCalls({ kind, value }: MockStep): ToolCall[] {
  return CALLS[kind](value);
}

const CALLS: Record<MockStep["kind"], (value: string) => ToolCall[]> = {
  RUNCMD: (cmd) => [call("exec_command", { cmd })],
  ESCALATE: (cmd) => {
    const escalation = { sandbox_permissions: "require_escalated", justification: `May I run ${cmd}?` };
    return [call("exec_command", { cmd, ...escalation })];
  },
  YIELD: (value) => {
    const [ms, cmd] = split(value, 2);
    return [call("exec_command", { cmd, yield_time_ms: Number(ms) })];
  },
  PARALLEL: (value) => value.split("|").map((cmd) => call("exec_command", { cmd })),
  PATCH: (value) => {
    const [path, text = ""] = split(value, 2);
    return [patch(`*** Add File: ${path}`, ...text.split("\n").map((line) => `+${line}`))];
  },
  EDIT: (value) => {
    const [path, before, after] = split(value, 3);
    return [patch(`*** Update File: ${path}`, "@@", `-${before}`, `+${after}`)];
  },
  PLAN: (value) => {
    const plan = value.split("|").map((step, at) => ({ step, status: at === 0 ? "in_progress" : "pending" }));
    return [call("update_plan", { explanation: "the mock model's plan", plan })];
  },
  ASK: (question) => {
    const options = [{ label: "Yes", description: "go on" }, { label: "No", description: "stop" }];
    return [call("request_user_input", { questions: [{ id: "q1", header: "Choice", question, options }] })];
  },
  PERM: (path) => {
    const permissions = { file_system: { write: [path] } };
    return [call("request_permissions", { reason: `to write below ${path}`, permissions })];
  },
  CALL: (value) => {
    const [tool = "", json = "{}"] = split(value, 2);
    const [name = "", namespace] = tool.split(".").reverse();
    return [{ name, arguments: json, ...(namespace === undefined ? {} : { namespace }) }];
  },
};

function call(name: string, args: unknown): ToolCall {
  return { name, arguments: JSON.stringify(args) };
}

function patch(...lines: readonly string[]): ToolCall {
  const text = ["*** Begin Patch", ...lines, "*** End Patch", ""].join("\n");
  return call("exec_command", { cmd: `apply_patch <<'EOP'\n${text}EOP` });
}

/** At most `max` parts; the last one keeps its colons. */
function split(value: string, max: number): string[] {
  const parts = value.split(":");
  return [...parts.slice(0, max - 1), parts.slice(max - 1).join(":")];
}
