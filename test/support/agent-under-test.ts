// The embedded agent's app-server in this process: requests in, and every message it sends kept in order.
//
// Not the program around it: streams, signals and exit codes are tested where it is spawned.

import path from "node:path";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { createAppServer, type AppServer } from "../../src/agent/app-server.ts";
import { HARMLESS_COMMAND, type CommandLine } from "../../src/agent/command.ts";
import { systemUuid } from "../../src/core/ids.ts";
import { makeTempDir, type Cleanup } from "./temp-dir.ts";

export interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
  readonly emittedAtMs?: number;
}

export interface AgentUnderTest {
  readonly server: AppServer;
  readonly home: string;
  readonly sent: readonly Message[];
  readonly logged: readonly string[];
  /** What it answers, which it does before it gives control back. */
  call(method: string, params?: Record<string, unknown>): Message;
  tell(message: Record<string, unknown>): void;
  /** The first message, from the `from`th on, that fits. */
  until(fits: (message: Message) => boolean, from?: number): Promise<Message>;
  /** Starts a thread; gives its id. */
  thread(params?: Record<string, unknown>): string;
  /** Starts a turn; gives its id. */
  turn(threadId: string, text: string, more?: Record<string, unknown>): string;
  /** Resolves with the turn of the `turn/completed` about `turnId`. */
  ended(turnId: string): Promise<Record<string, unknown>>;
}

export interface AgentOptions {
  readonly home?: string;
  readonly clock?: Clock;
  readonly line?: CommandLine;
  readonly initialize?: boolean;
}

export function createAgent(t: Cleanup, options: AgentOptions = {}): AgentUnderTest {
  const home = options.home ?? path.join(makeTempDir(t), "agent");
  const sent: Message[] = [];
  const logged: string[] = [];
  const waiting = new Set<() => void>();
  const server = createAppServer({
    version: "9.8.7", home, clock: options.clock ?? systemClock, uuid: systemUuid,
    line: options.line ?? HARMLESS_COMMAND,
    send(text) {
      for (const line of text.trimEnd().split("\n")) {
        sent.push({ params: {}, ...(JSON.parse(line) as Partial<Message>) });
      }
      for (const look of [...waiting]) look();
    },
    log: (text) => void logged.push(text),
  });
  t.after(() => server.close());
  let nextId = 100;
  const agent: AgentUnderTest = {
    server, home, sent, logged,
    tell: (message) => server.line(JSON.stringify(message)),
    call(method, params = {}) {
      const id = nextId++;
      agent.tell({ id, method, params });
      const answer = sent.find((message) => message.id === id && message.method === undefined);
      if (answer === undefined) throw new Error(`${method} was not answered`);
      return answer;
    },
    until: (fits, from = 0) => new Promise((resolve) => {
      const look = (): void => {
        const found = sent.slice(from).find(fits);
        if (found === undefined) return void waiting.add(look);
        waiting.delete(look);
        resolve(found);
      };
      look();
    }),
    thread(params = {}) {
      return idOf(agent.call("thread/start", params).result?.["thread"]);
    },
    turn(threadId, text, more = {}) {
      const { result, error } = agent.call("turn/start", { threadId, input: [{ type: "text", text }], ...more });
      if (error !== undefined) throw new Error(error.message);
      return idOf(result?.["turn"]);
    },
    async ended(turnId) {
      const message = await agent.until(({ method, params }) => {
        return method === "turn/completed" && idOf(params["turn"]) === turnId;
      });
      return message.params["turn"] as Record<string, unknown>;
    },
  };
  if (options.initialize !== false) agent.call("initialize", { clientInfo: { name: "test", version: "1" } });
  return agent;
}

/** The methods about `threadId`, in order; of items with their type, of a status with what it says. */
export function story(agent: AgentUnderTest, threadId: string): string[] {
  const about = agent.sent.filter(({ method, params }) => method !== undefined && params["threadId"] === threadId);
  return about.map(({ method = "", params }) => {
    const { item, status } = params as { item?: { type: string }; status?: { type: string; activeFlags?: string[] } };
    const told = status === undefined ? undefined : [status.type, ...(status.activeFlags ?? [])].join(" ");
    const more = item?.type ?? told;
    return more === undefined ? method : `${method} ${more}`;
  });
}

/** The text of the last agent message of all that was completed. */
export function lastText(agent: AgentUnderTest): string {
  const items = agent.sent.filter(({ method }) => method === "item/completed").map(({ params }) => params["item"]);
  const messages = (items as Array<{ type: string; text: string }>).filter(({ type }) => type === "agentMessage");
  return messages.at(-1)?.text ?? "";
}

function idOf(value: unknown): string {
  return (value as { id: string }).id;
}
