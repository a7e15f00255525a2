// Any method of the app-server for a caller who has the token, and the result as it came.
//
// Deliberately no list of what is allowed: only what would break codexd's own books is refused, by name and with the
// way that does not. Invariants: no turn begins, is steered or ends here behind codexd's back, and no session that is
// active loses its thread.

import { DecodeError, shownName } from "../../base/decode.ts";
import { readThreadFacts } from "../../codex/methods.ts";
import { CodexdError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { CodexService } from "../services.ts";
import type { SessionIndex } from "../sessions/session-index.ts";
import type { Threads } from "../sessions/threads.ts";
import type { WorkGate } from "../work-gate.ts";
import type { AppServerGate, RunningAppServer } from "./app-server.ts";

export interface CodexRpcOptions {
  readonly appServer: AppServerGate;
  readonly index: SessionIndex;
  readonly threads: Threads;
  readonly gate: WorkGate;
}

/** method -> what to do in its place. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ["initialize", "codexd has shaken hands already; GET /v1/codexd/codex says what Codex has answered"],
  ["initialized", "codexd has shaken hands already; GET /v1/codexd/codex says what Codex has answered"],
  ["thread/unsubscribe", "codexd would hear no more of the thread; use POST /v1/codexd/sessions/:id/close"],
  ["turn/start", "use POST /v1/codexd/turn"],
  ["turn/steer", "use POST /v1/codexd/turn with expectedTurnId"],
  ["turn/interrupt", "use POST /v1/codexd/sessions/:id/interrupt"],
  ["turn/settings/update", "use POST /v1/codexd/turn, whose settings stay for later turns"],
]);

/** What takes a thread away from whoever has it. */
const TAKING: ReadonlySet<string> = new Set(["thread/archive", "thread/delete"]);

export function createCodexRpc({ appServer, index, threads, gate }: CodexRpcOptions): CodexService["rpc"] {
  return async ({ method, params = {}, timeoutMs = LIMITS.rpcMs }) => {
    refuseMethod(method);
    gate.assertOpen();
    const threadId = typeof params["threadId"] === "string" ? params["threadId"] : null;
    if (threadId !== null && TAKING.has(method)) refuseTaking(index, threadId);
    const server = await appServer.ready();
    if (threadId !== null && method === "thread/resume") await loadForSession(threadId);
    // The wait may have been long, and a session may have been made on the thread.
    if (threadId !== null && TAKING.has(method)) refuseTaking(index, threadId);
    gate.assertOpen();
    return callRaw(server, method, params, timeoutMs, (text) => {
      if (method === "thread/start") noteStarted(server, text);
    });
  };

  /** Codex ignores settings for a thread that is loaded: those of the session must come first. */
  async function loadForSession(threadId: string): Promise<void> {
    const session = index.sessionOn(threadId);
    if (session?.status === "active" && session.threadDurable) await threads.ensureLoaded(session.sessionId);
  }

  /** A session may be made on it before its first turn, when Codex does not tell its settings again. */
  function noteStarted({ generation }: RunningAppServer, text: string): void {
    const facts = readThreadFacts(parsed(text));
    if (facts !== undefined) index.markLoaded(facts.threadId, generation, facts);
  }
}

/** Calls a method and gives its result as JSON text. @see RpcClient.call for what it throws. */
export async function callRaw(
  { client }: RunningAppServer,
  method: string,
  params: Readonly<Record<string, unknown>>,
  timeoutMs: number = LIMITS.childCallMs,
  onText: (text: string) => void = () => undefined,
): Promise<string> {
  const result = await client.call(method, params, {
    raw: true,
    timeoutMs,
    onResult: (text) => {
      if (typeof text === "string") onText(text);
    },
  });
  if (typeof result !== "string") throw new Error(`the result of ${method} did not come as text`);
  return result;
}

/** @throws {CodexdError} `session_exists` where an active session has the thread. */
export function refuseTaking(index: SessionIndex, threadId: string): void {
  const session = index.sessionOn(threadId);
  if (session?.status !== "active") return;
  const { sessionId } = session;
  const message = `thread ${session.threadId} has the active session ${sessionId}; close that one first`;
  throw new CodexdError("session_exists", message, { sessionId });
}

/** @throws {DecodeError} */
function refuseMethod(method: string): void {
  const way = REFUSED.get(method) ?? (method.startsWith("turn/") ? "use POST /v1/codexd/turn" : undefined);
  if (way !== undefined) throw new DecodeError("method", `${shownName(method)} is not taken here: ${way}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Its form was trusted, not checked: what cannot be read has nothing to note.
    return undefined;
  }
}
