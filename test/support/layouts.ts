// A state directory as today's codexd leaves it when it is killed, and what is to be compared of two of them: which
// files there are, and which members their documents, lines and records have.
//
// Deliberately not the values. Invariant: each kind of record is in it once ended and once under way or waiting, so
// that no member goes unseen, and what is too long for a line lies beside it.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { AdapterRequest } from "../../src/child/adapter.ts";
import type { RunExecutor } from "../../src/core/runs.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { CodexdLocalService } from "../../src/local-service.ts";
import { configure } from "./daemon-dir.ts";
import { createBareChild, createFakeAdapter, factoryOf, spawnerOf, type FakeAdapter } from "./fake-adapter.ts";
import { makeResult } from "./run-rig.ts";

const NOW = "2026-11-23T12:00:00.000Z";
const LONG = "x".repeat(LIMITS.inlineInputBytesMax + 1);

/** Leaves `<dir>/state`: one daemon has ended in order, the next one works when the copy is taken, as if killed. */
export async function writeLayout(dir: string): Promise<void> {
  const stateDir = path.join(dir, "live");
  const workDir = path.join(dir, "work");
  mkdirSync(workDir, { recursive: true });
  const config = configure(dir, {
    stateDir, repoRoot: workDir, nodeId: "layout", auth: "none", socketPath: "off", maxRuns: 1, serverCommand: "codex",
    serverArgs: ["app-server"],
  });
  for (const [life, fill] of [fillEnded, fillUnderWay].entries()) {
    const child = createBareChild();
    const adapter = createAnsweringAdapter(`${life}`, () => child.emit("exit", 0, null));
    const service = new CodexdLocalService(config, {
      spawner: spawnerOf(child), appServerClientFactory: factoryOf(adapter), runExecutor, now: () => NOW, processId: 7,
      env: {},
    });
    const { service: { resolvedBaseUrl } } = await service.start();
    try {
      await fill(callerOf(resolvedBaseUrl ?? ""));
      const isLeft = (name: string): boolean => !/\.tmp$|lock/.test(path.basename(name));
      if (life === 1) cpSync(stateDir, path.join(dir, "state"), { recursive: true, filter: isLeft });
    } finally {
      await service.stop();
    }
  }
}

type Shape = string | { readonly [member: string]: Shape } | readonly Shape[];

/**
 * The files by their names, in which ids stand for all of their kind; and under `records` what a record of each kind
 * holds, whether a line or a checkpoint has it: when a checkpoint is written is a matter of time.
 */
export function describeLayout(stateDir: string): Readonly<Record<string, Shape>> {
  const records: Record<string, Shape> = {};
  const files: Record<string, Shape> = {};
  const add = (to: Record<string, Shape>, name: string, shape: Shape): void => {
    to[name] = name in to ? merged(to[name] as Shape, shape) : shape;
  };
  for (const name of readdirSync(stateDir, { recursive: true, encoding: "utf8" }).sort()) {
    const file = path.join(stateDir, name);
    if (!statSync(file).isFile()) continue;
    const kind = name.replaceAll(/[0-9a-f]{16,}/g, "ID");
    const text = readFileSync(file, "utf8");
    if (file.endsWith(".jsonl")) {
      for (const line of text.split("\n").filter((each) => each !== "")) {
        const { put = {}, detail: _detail, ...rest } = JSON.parse(line) as { put?: Stored; detail: unknown };
        add(files, kind, shapeOf(rest));
        for (const [of, record] of Object.entries(put)) add(records, of, shapeOf(record));
      }
    } else if (file.endsWith("-registry.json")) {
      const head = JSON.parse(text) as Stored;
      const [[field, list] = ["none", []]] = Object.entries(head).filter(([, value]) => Array.isArray(value));
      for (const record of list as unknown[]) add(records, field.slice(0, -1), shapeOf(record));
      add(files, kind, shapeOf({ ...head, [field]: [] }));
    } else {
      add(files, kind, file.endsWith(".json") ? namesOf(JSON.parse(text)) : "bytes");
    }
  }
  return { files, records };
}

type Stored = Readonly<Record<string, unknown>>;
type Ask = <T>(method: string, route: string, body?: object, headers?: object) => Promise<T>;

function callerOf(baseUrl: string): Ask {
  return async <T>(method: string, route: string, body?: object, headers: object = {}): Promise<T> => {
    const reply = await fetch(new URL(`/v1/codexd/${route}`, baseUrl), {
      method, headers: { "content-type": "application/json", ...headers }, ...(body && { body: JSON.stringify(body) }),
    });
    const answer = (await reply.json()) as { ok: boolean; data: T };
    assert.ok(answer.ok, `${method} ${route}: ${JSON.stringify(answer)}`);
    return answer.data;
  };
}

async function makeSession(ask: Ask): Promise<string> {
  const body = { metadata: { of: "a layout" }, developerInstructions: LONG };
  const { session } = await ask<{ session: { sessionId: string } }>("POST", "sessions", body);
  return session.sessionId;
}

async function fillEnded(ask: Ask): Promise<void> {
  const sessionId = await makeSession(ask);
  const schema = { outputSchema: { type: "object" } };
  await ask("POST", "turn", { sessionId, input: "work", waitMs: 60_000, ...schema }, { "idempotency-key": "key" });
  await ask("POST", "turn", { sessionId, input: `work ${LONG}`, waitMs: 60_000 });
  await ask("POST", "turn", { sessionId, input: "ask" });
  const { approvals } = await ask<{ approvals: Array<{ approvalId: string }> }>("GET", "approvals?waitMs=60000");
  await ask("POST", `approvals/${approvals[0]?.approvalId}`, { decision: "accept" });
  await ask("POST", `sessions/${await makeSession(ask)}/close`, {});
  await ask("POST", "runs", { prompt: "work", waitMs: 60_000 });
  await ask("POST", "runs", { prompt: LONG, waitMs: 60_000, ...schema });
}

async function fillUnderWay(ask: Ask): Promise<void> {
  const sessionId = await makeSession(ask);
  await ask("POST", "turn", { sessionId, input: "ask" });
  await ask("POST", "turn", { sessionId, input: "work", whenBusy: "queue" });
  await ask("POST", "runs", { prompt: "stall" });
  await ask("POST", "runs", { prompt: "work" });
  await ask("GET", "approvals?waitMs=60000");
}

/** `work` does a little of everything, `ask` asks and waits. */
function createAnsweringAdapter(life: string, close: () => void): FakeAdapter {
  let ask: (request: AdapterRequest) => void = () => undefined;
  let turns = 0;
  let threads = 0;
  let open: { readonly threadId: string; readonly turnId: string } | undefined;
  const end = (status: string): object => {
    if (open === undefined) return {};
    const { threadId, turnId } = open;
    open = undefined;
    adapter.emit({ type: "turn.completed", threadId, turn: { id: turnId, status, error: null } });
    return {};
  };
  const adapter: FakeAdapter = createFakeAdapter({
    close,
    requests: { subscribe: (listener) => void (ask = listener) },
    answer: () => void setImmediate(end, "completed"),
    turnInterrupt: () => end("interrupted"),
    threadStart: () => ({ thread: { id: `thread-${life}-${++threads}` } }),
    turnStart({ threadId: thread, input }) {
      const threadId = String(thread);
      const turnId = `turn-${life}-${++turns}`;
      const [{ text }] = input as [{ text: string }];
      if (text.startsWith("work")) {
        work(adapter, threadId, turnId);
      } else {
        open = { threadId, turnId };
        adapter.emit({ type: "turn.started", threadId, turn: { id: turnId, status: "inProgress" } });
        const params = { threadId, turnId, itemId: "c", command: "true", cwd: "/" };
        setImmediate(() => ask({ id: turns, method: "item/commandExecution/requestApproval", params }));
      }
      return { turn: { id: turnId } };
    },
  });
  return adapter;
}

const DONE = { command: "true", cwd: "/", status: "completed", exitCode: 0, durationMs: 1 };
const COMMAND = { type: "commandExecution", ...DONE };
const CHANGE = { type: "fileChange", status: "completed", changes: [{ path: "/a", kind: { type: "add" }, diff: "" }] };
const TOKENS = { totalTokens: 3, inputTokens: 1, cachedInputTokens: 0, outputTokens: 2, reasoningOutputTokens: 0 };

function work(adapter: FakeAdapter, threadId: string, turnId: string): void {
  const on = { threadId, turnId };
  adapter.emit({ type: "turn.started", threadId, turn: { id: turnId, status: "inProgress" } });
  adapter.emit({ type: "turn.plan.updated", ...on, plan: [{ step: "go", status: "completed" }] });
  adapter.emit({ type: "item.completed", ...on, item: { id: "c", ...COMMAND } });
  adapter.emit({ type: "item.completed", ...on, item: { id: "f", ...CHANGE } });
  adapter.emit({ type: "turn.diff.updated", ...on, diff: "+a\n" });
  adapter.emit({ type: "item.completed", ...on, item: { id: "m", type: "agentMessage", text: `{"a":"${LONG}"}` } });
  adapter.emit({ type: "turn.usage.updated", ...on, tokenUsage: { total: TOKENS, last: TOKENS } });
  adapter.emit({ type: "turn.completed", threadId, turn: { id: turnId, status: "completed", error: null } });
}

const runExecutor: RunExecutor = async ({ prompt, onEvent, onOutput, signal, cwd }) => {
  onEvent?.({ type: "thread.started", thread_id: "thread-run" });
  onEvent?.({ type: "item.completed", item: { id: "1", type: "command_execution", command: "true", exit_code: 0 } });
  onEvent?.({ type: "item.completed", item: { id: "2", type: "agent_message", text: `{"a":"${prompt}"}` } });
  onOutput?.("stderr", Buffer.from("a warning\n"));
  const asked = { prompt, purpose: "worker", timeoutMs: null } as const;
  const invocation = { command: "codex", args: [], cwd: cwd ?? "", ...asked };
  const lastMessage = `{"a":"${prompt}"}`;
  if (prompt !== "stall") return { ok: true, invocation, result: makeResult({ lastMessage }) };
  await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
  return { ok: false, error: { message: "ended" } };
};

function shapeOf(value: unknown): Shape {
  if (Array.isArray(value)) return value.length === 0 ? [] : [value.map(shapeOf).reduce(merged)];
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return Object.fromEntries(Object.entries(value).sort().map(([name, member]) => [name, shapeOf(member)]));
}

/** The same without what the values are, which may be absent at one moment and there at the next. */
function namesOf(value: unknown): Shape {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "value";
  return Object.fromEntries(Object.entries(value).sort().map(([name, member]) => [name, namesOf(member)]));
}

/** What either may be. */
function merged(a: Shape, b: Shape): Shape {
  if (typeof a === "string" && typeof b === "string") {
    return [...new Set([...a.split("|"), ...b.split("|")])].sort().join("|");
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    const [first, ...others] = [...a, ...b] as Shape[];
    return first === undefined ? [] : [others.reduce(merged, first)];
  }
  if (typeof a === "object" && typeof b === "object" && !Array.isArray(a) && !Array.isArray(b)) {
    const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
    const [one, other] = [a, b] as ReadonlyArray<Readonly<Record<string, Shape>>>;
    return Object.fromEntries(names.map((name) => {
      const both = [one?.[name], other?.[name]].filter((shape) => shape !== undefined);
      return [name, both.length === 2 ? merged(both[0] as Shape, both[1] as Shape) : both[0] as Shape];
    }));
  }
  // A value or none: whichever holds more tells more.
  return typeof a === "string" ? b : a;
}
