// A Codex in memory that writes down all it is given: argv, environment, directory, and every byte of stdin.
//
// Deliberately without opinions: any method is answered, any turn ends at once with one message, any run succeeds.
// Invariant: what is recorded is what a process would get, and the record is there before the caller has its answer.

import type { ChildHandle, Spawner, SpawnOptions } from "../../src/child/spawner.ts";
import { createFakeChild, type FakeChild } from "./fake-child.ts";

export interface RecordedProcess {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: SpawnOptions;
  /** All that came so far. */
  stdin(): string;
}

export interface RecordingCodex extends Spawner {
  /** Each `codex exec`, in order. */
  readonly runs: RecordedProcess[];
  /** Each app-server. */
  readonly servers: RecordedProcess[];
  /** The lines that app-servers were given, without their line ends. */
  readonly lines: string[];
}

/** A prompt that has this word makes the app-server ask for an approval before the turn ends. */
export const ASKING = "ASKING";

export function createRecordingCodex(): RecordingCodex {
  const [runs, servers, lines]: [RecordedProcess[], RecordedProcess[], string[]] = [[], [], []];
  return {
    runs, servers, lines,
    spawn(command, args, options) {
      const child = createFakeChild({ pid: undefined, command, args, options });
      const isRun = args.includes("exec");
      const written: string[] = [];
      (isRun ? runs : servers).push({ command, args, options, stdin: () => written.join("") });
      setImmediate(() => child.emitSpawn());
      const serve = isRun ? undefined : serveLines(child, lines);
      return withStdin(child, (text) => {
        written.push(text);
        serve?.(text);
      }, isRun ? () => finishRun(child) : () => child.die(0));
    },
  };
}

function withStdin(child: FakeChild, write: (text: string) => void, end: () => void): ChildHandle {
  let ended = false;
  const endOnce = (): void => {
    if (ended) return;
    ended = true;
    setImmediate(end);
  };
  return {
    pid: undefined, stdout: child.stdout, stderr: child.stderr, stdin: { write, end: endOnce },
    on: child.on.bind(child) as ChildHandle["on"],
    kill: () => setImmediate(() => child.die(null, "SIGTERM")),
  };
}

function finishRun(child: FakeChild): void {
  child.send({ type: "thread.started", thread_id: "0199a213-81c0-7800-8aa1-bbab2a035a53" });
  child.send({ type: "item.completed", item: { id: "item_1", type: "agent_message", text: "done" } });
  child.send({ type: "turn.completed", usage: { input_tokens: 1, output_tokens: 1 } });
  child.stderr.end();
  child.die(0);
}

interface Request {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** Takes what was written, which may be cut anywhere; answers on the next tick, as over a pipe. */
function serveLines(child: FakeChild, lines: string[]): (text: string) => void {
  let rest = "";
  let made = 0;
  const answer = ({ id, method, params = {} }: Request): void => {
    if (id === undefined || method === undefined) return;
    made += 1;
    const threadId = method === "thread/start" ? `thread-${process.hrtime.bigint()}` : String(params["threadId"]);
    const turn = { id: `turn-${process.hrtime.bigint()}`, status: "inProgress", items: [], error: null };
    child.send({ id, result: {
      userAgent: "codexd/0.169.0 (Linux; x86_64)", codexHome: "/nonexistent", data: [], nextCursor: null,
      thread: { id: threadId, turns: [] }, turn, turnId: turn.id, model: "recorded", cwd: "/", sandbox: null,
    } });
    if (method !== "turn/start" && method !== "review/start" && method !== "thread/compact/start") return;
    const tell = (name: string, more: object): void => child.send({ method: name, params: { threadId, ...more } });
    tell("turn/started", { turn });
    if (JSON.stringify(params).includes(ASKING)) {
      const asked = { threadId, turnId: turn.id, itemId: `call-${made}`, command: "true", cwd: "/", reason: null };
      return child.send({ id: made, method: "item/commandExecution/requestApproval", params: asked });
    }
    tell("turn/completed", { turn: { ...turn, status: "completed" } });
  };
  return (text) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) {
      lines.push(line);
      const request = parsed(line);
      setImmediate(() => answer(request));
    }
  };
}

/** What is no JSON stays in `lines` for whoever judges them. */
function parsed(line: string): Request {
  try {
    return JSON.parse(line) as Request;
  } catch {
    return {};
  }
}
