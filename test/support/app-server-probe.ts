// Speaks to an app-server over stdio, real or fake, for the tests of the doubles.
//
// Not codexd's client: it knows nothing but lines and ids, keeps all it hears, and judges nothing.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface Heard {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

export interface AppServerProbe {
  /** All lines that were JSON, in order. */
  readonly heard: readonly Heard[];
  /** Those that were not. */
  readonly noise: readonly string[];
  /** Sends a request and resolves with its whole answer. */
  call(method: string, params: Record<string, unknown>): Promise<Heard>;
  /** Writes what is no call of a well-behaved client; without its newline. */
  send(line: string | Uint8Array): void;
  /** Answers a request of the app-server. */
  answer(id: number, result: Record<string, unknown>): void;
  /** The first message behind the `skip` oldest that `matches`. */
  waitFor(matches: (message: Heard) => boolean, skip?: number): Promise<Heard>;
  /** Ends its stdin; resolves with its exit code, null after a signal. */
  end(): Promise<number | null>;
  /** Resolves when it has gone by itself. */
  readonly exited: Promise<number | null>;
  stderr(): string;
}

/** Starts it without a handshake. */
export function spawnAppServer(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): AppServerProbe {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: "pipe" });
  const heard: Heard[] = [];
  const noise: string[] = [];
  const listeners = new Set<() => void>();
  let stderr = "";
  let nextId = 100;
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  // A child that has gone says so by its exit.
  child.stdin.on("error", () => undefined);
  createInterface({ input: child.stdout }).on("line", (line) => {
    try {
      heard.push(JSON.parse(line) as Heard);
    } catch {
      noise.push(line);
    }
    for (const look of listeners) look();
  });
  const waitFor = (matches: (message: Heard) => boolean, skip = 0): Promise<Heard> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = heard.slice(skip).find(matches);
        if (found === undefined) return;
        listeners.delete(look);
        resolve(found);
      };
      listeners.add(look);
      look();
    });
  const exited = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  return {
    heard,
    noise,
    call(method, params) {
      const id = nextId++;
      child.stdin.write(`${JSON.stringify({ id, method, params })}\n`);
      return waitFor((message) => message.id === id && message.method === undefined);
    },
    send(line) {
      child.stdin.write(line);
      child.stdin.write("\n");
    },
    answer: (id, result) => void child.stdin.write(`${JSON.stringify({ id, result })}\n`),
    waitFor,
    end() {
      child.stdin.end();
      return exited;
    },
    exited,
    stderr: () => stderr,
  };
}

/** Shakes hands and starts a thread; gives its id. */
export async function openThread(probe: AppServerProbe): Promise<string> {
  await initialize(probe);
  const { result } = await probe.call("thread/start", { cwd: process.cwd(), approvalPolicy: "never" });
  return (result?.["thread"] as { id: string }).id;
}

export function initialize(probe: AppServerProbe): Promise<Heard> {
  return probe.call("initialize", { clientInfo: { name: "probe", version: "1" } });
}

export function startTurn(probe: AppServerProbe, threadId: string, text: string): Promise<Heard> {
  return probe.call("turn/start", { threadId, input: [{ type: "text", text }] });
}

/** The id in the answer to turn/start. */
export function turnIdOf({ result }: Heard): string {
  return (result?.["turn"] as { id: string }).id;
}
