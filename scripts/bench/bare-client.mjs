// The floor of a turn: a client that speaks to Codex over its own stdio, with nothing between.
//
// Arguments: the program of Codex and its home. Prints `ready` after the handshake. Each line on standard input, an
// object {cwd, input}, is one turn of a thread of its own and is answered with {ms, deltas}: from the call of
// turn/start until turn/completed has been parsed. Every line that Codex says is parsed, as the client of a daemon
// parses every event.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const [codex, home] = process.argv.slice(2);
const env = { ...process.env, CODEX_HOME: home, HOME: home };
const child = spawn(codex, ["app-server"], { env, stdio: ["pipe", "pipe", "inherit"] });
const waiting = new Map();
let nextId = 1;
let deltas = 0;
let completed = () => undefined;

function send(method, params) {
  const id = nextId++;
  child.stdin.write(`${JSON.stringify({ id, method, params })}\n`);
  return new Promise((resolve) => waiting.set(id, resolve));
}

function take({ id, method, result, error, params }) {
  if (error !== undefined) throw new Error(`Codex refuses: ${error.message}`);
  if (method === undefined) waiting.get(id)?.(result);
  else if (method === "item/agentMessage/delta") deltas += 1;
  else if (method === "turn/completed") completed(params.turn.status);
}

let pending = "";
child.stdout.setEncoding("utf8").on("data", (text) => {
  const lines = (pending + text).split("\n");
  pending = lines.pop();
  for (const line of lines) take(JSON.parse(line));
});
child.on("exit", () => process.exit(0));

async function turn({ cwd, input }) {
  const profile = { approvalPolicy: "never", sandbox: "danger-full-access" };
  const { thread } = await send("thread/start", { cwd, ...profile });
  deltas = 0;
  const ended = new Promise((resolve) => (completed = resolve));
  const startedAt = performance.now();
  void send("turn/start", { threadId: thread.id, input: [{ type: "text", text: input }] });
  const status = await ended;
  const ms = performance.now() - startedAt;
  if (status !== "completed") throw new Error(`the turn has ended as ${status}`);
  console.log(JSON.stringify({ ms, deltas }));
}

await send("initialize", {
  clientInfo: { name: "bench", version: "1" }, capabilities: { experimentalApi: true },
});
child.stdin.write('{"method":"initialized"}\n');
console.log("ready");
createInterface({ input: process.stdin })
  .on("line", (line) => void turn(JSON.parse(line)))
  .on("close", () => child.stdin.end());
