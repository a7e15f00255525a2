// A synthetic app-server on stdio: answers the handshake and, on turn/start, writes `DELTAS=n` delta notifications as
// fast as the pipe takes them, each longer by `PAD=n` characters; with `RATE=n` so many a second, each with the time at
// which it was written. It is there to load its reader, never to be measured itself.

import { createInterface } from "node:readline";

let threads = 0;
let turns = 0;
const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const threadAnswer = (threadId, cwd) => ({
  thread: { id: threadId, status: { type: "idle" }, turns: [] },
  model: "blast", modelProvider: "mock", serviceTier: null, cwd, approvalPolicy: "never",
  sandbox: { type: "dangerFullAccess" }, reasoningEffort: null,
});

async function blast(threadId, turnId, count, pad) {
  const head = `{"method":"item/agentMessage/delta","params":{"threadId":"${threadId}","turnId":"${turnId}",`;
  for (let n = 0; n < count;) {
    let chunk = "";
    const emittedAtMs = Date.now();
    while (n < count && chunk.length < 65_536) {
      chunk += `${head}"itemId":"msg_1","delta":"tok${n++} ${pad}"},"emittedAtMs":${emittedAtMs}}\n`;
    }
    if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once("drain", resolve));
  }
}

/** Each says when it was written, in microseconds of the system's monotonic clock, which all processes share. */
function drip(threadId, turnId, count, rate) {
  const head = `{"method":"item/agentMessage/delta","params":{"threadId":"${threadId}","turnId":"${turnId}",`;
  const startedAt = performance.now();
  let n = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(count, Math.floor(((performance.now() - startedAt) * rate) / 1000));
      let chunk = "";
      while (n < due) {
        const writtenUs = process.hrtime.bigint() / 1000n;
        chunk += `${head}"itemId":"msg_1","delta":"tok${n++}@${writtenUs} "},"emittedAtMs":${Date.now()}}\n`;
      }
      if (chunk !== "") process.stdout.write(chunk);
      if (n < count) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
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
  const asked = (name, or) => Number(new RegExp(`${name}=(\\d+)`).exec(JSON.stringify(input))?.[1] ?? or);
  write({ method: "turn/started", params: { threadId, turn: result.turn } });
  const count = asked("DELTAS", 10);
  const rate = asked("RATE", 0);
  if (rate > 0) await drip(threadId, result.turn.id, count, rate);
  else await blast(threadId, result.turn.id, count, "x".repeat(asked("PAD", 0)));
  write({ method: "turn/completed", params: { threadId, turn: { ...result.turn, status: "completed" } } });
});
lines.on("close", () => process.exit(0));
