// A program that embeds codexd and brings its own Codex: an adapter that answers by itself, and a run executor.
//
// It starts the whole service (HTTP, WebSocket and socket included) in a directory of its own, has one turn and one
// run, prints what happened, and stops. In a project of your own the import is `from "codexd"`.

import {
  CodexdLocalService, createCodexdClient, resolveCodexdConfig,
  type AppServerAdapterEvent, type AppServerClientAdapter, type AppServerClientFactory, type RunExecutor,
} from "../src/index.ts";

/** Says back what it is asked. A real one would talk to `child`, or to a server, and pass on what that says. */
function createEcho(): AppServerClientAdapter {
  const listeners = new Set<(event: AppServerAdapterEvent) => void>();
  const emit = (event: AppServerAdapterEvent): void => {
    for (const listener of listeners) listener(event);
  };
  let threads = 0;
  let turns = 0;
  return {
    initialize: () => ({ userAgent: "echo/1.0.0" }),
    threadStart: () => ({ thread: { id: `thread-${++threads}` } }),
    threadResume: ({ threadId }) => ({ thread: { id: threadId } }),
    turnStart({ threadId, input }) {
      const turnId = `turn-${++turns}`;
      const on = { threadId: String(threadId), turnId };
      const text = `you said ${JSON.stringify(input)}`;
      emit({ type: "turn.started", threadId: on.threadId, turn: { id: turnId, status: "inProgress" } });
      emit({ type: "turn.message.delta", ...on, itemId: "answer", delta: text });
      emit({ type: "item.completed", ...on, item: { type: "agentMessage", id: "answer", text } });
      emit({
        type: "turn.completed", threadId: on.threadId, turn: { id: turnId, status: "completed", error: null },
      });
      return { turn: { id: turnId, status: "completed" } };
    },
    close: () => listeners.clear(),
    events: {
      subscribe(listener) {
        listeners.add(listener);
        return { unsubscribe: () => void listeners.delete(listener) };
      },
    },
  };
}

const appServerClientFactory: AppServerClientFactory = { create: () => createEcho() };

/** In the place of `codex exec`. */
const runExecutor: RunExecutor = async ({ prompt, cwd = "/", purpose = "worker", onStarted, onEvent }) => {
  const startedAt = new Date().toISOString();
  onStarted?.(null);
  onEvent?.({ type: "item.completed", item: { id: "item_0", type: "agent_message", text: prompt.toUpperCase() } });
  return {
    ok: true,
    invocation: { command: "echo", args: [], cwd, prompt, purpose, timeoutMs: null },
    result: {
      exitCode: 0, signal: null, timedOut: false, durationMs: 0, startedAt, finishedAt: new Date().toISOString(),
      lastMessage: prompt.toUpperCase(), threadId: null, tokenUsage: null,
      jsonEvents: [], jsonParseErrors: [], stdout: "", stderr: "",
    },
  };
};

/** @param stateDir made where it is missing; nothing outside of it is touched. */
export async function main(stateDir: string, print: (line: string) => void): Promise<void> {
  const config = resolveCodexdConfig({
    stateDir,
    repoRoot: "/",
    localApiBase: "http://127.0.0.1:0",
    // No process is started: the adapter is all there is of Codex.
    serverStrategy: "external",
    serverEndpoint: "ws://127.0.0.1:1",
  });
  const service = new CodexdLocalService(config, {
    appServerClientFactory,
    runExecutor,
    onEvent: ({ seq, type, message }) => print(`${seq} ${type}: ${message}`),
  });
  await service.start();
  try {
    // The same process may call the daemon directly; any other uses HTTP, as this client does.
    const daemon = service.getDaemon();
    const session = await daemon.createSession({ metadata: { made: "by embed.ts" } });
    const { turn } = await daemon.createTurn({ sessionId: session.sessionId, prompt: "hello", waitMs: 10_000 });
    print(`turn ${turn?.status}: ${turn?.finalMessage}`);

    const client = createCodexdClient({ stateDir });
    const { runId } = await client.startRun({ prompt: "hello", waitMs: 10_000 });
    const run = await client.getRun(runId);
    print(`run ${run.status}: ${run.summary}`);
    client.close();
  } finally {
    await service.stop();
  }
}
