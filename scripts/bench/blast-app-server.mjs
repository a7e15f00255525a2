// A synthetic app-server on stdio: answers the handshake and, on turn/start, writes `DELTAS=n` delta notifications as
// fast as the pipe takes them. It is there to load its reader, never to be measured itself.

import { createInterface } from "node:readline";

let threads = 0;
let turns = 0;
const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const threadAnswer = (threadId, cwd) => ({
  thread: { id: threadId, status: { type: "idle" }, turns: [] },
  model: "blast", modelProvider: "mock", serviceTier: null, cwd, approvalPolicy: "never",
  sandbox: { type: "dangerFullAccess" }, reasoningEffort: null,
});

async function blast(threadId, turnId, count) {
  const head = `{"method":"item/agentMessage/delta","params":{"threadId":"${threadId}","turnId":"${turnId}",`;
  for (let n = 0; n < count;) {
    let chunk = "";
    const emittedAtMs = Date.now();
    while (n < count && chunk.length < 65_536) {
      chunk += `${head}"itemId":"msg_1","delta":"tok${n++} "},"emittedAtMs":${emittedAtMs}}\n`;
    }
    if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once("drain", resolve));
  }
}

const methods = {
  initialize: () => ({ userAgent: "blast/0.169.0 (synthetic)", codexHome: "/nowhere" }),
  "thread/start": ({ cwd }) => threadAnswer(`thread-${++threads}`, cwd ?? "/"),
  "thread/resume": ({ threadId, cwd }) => threadAnswer(threadId, cwd ?? "/"),
  "turn/start": () => ({ turn: { id: `turn-${++turns}`, items: [], status: "inProgress", error: null } }),
};

const lines = createInterface({ input: process.stdin });
lines.on("line", async (line) => {
  const { id, method, params = {} } = JSON.parse(line);
  if (id === undefined) return;
  const answer = methods[method];
  if (answer === undefined) return write({ id, error: { code: -32600, message: `no method ${method}` } });
  const result = answer(params);
  write({ id, result });
  if (method !== "turn/start") return;
  const { threadId, input } = params;
  const count = Number(/DELTAS=(\d+)/.exec(JSON.stringify(input))?.[1] ?? 10);
  write({ method: "turn/started", params: { threadId, turn: result.turn } });
  await blast(threadId, result.turn.id, count);
  write({ method: "turn/completed", params: { threadId, turn: { ...result.turn, status: "completed" } } });
});
lines.on("close", () => process.exit(0));
