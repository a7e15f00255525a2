// codexd as a program embeds it, on a child in the same process that says one delta in each tick of the event loop.
//
// Arguments: the state directory and the number of deltas. Prints port and token; a line on standard input starts a
// turn. What is measured is the way of an event that comes alone: no read of a pipe gathers any.

import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";

const library = new URL("../../dist/index.js", import.meta.url);
const { CodexdLocalService, resolveCodexdConfig } = await import(library.href);
const [stateDir, countText] = process.argv.slice(2);
const count = Number(countText);
const say = (child, message) => child.stdout.emit("data", Buffer.from(`${JSON.stringify(message)}\n`));

const ANSWERS = {
  initialize: () => ({ userAgent: "ticks/0.169.0 (synthetic)" }),
  "thread/start": ({ cwd }) => ({ thread: { id: "t", status: { type: "idle" }, turns: [] }, model: "ticks", cwd }),
  "turn/start": () => ({ turn: { id: "turn-1", items: [], status: "inProgress", error: null } }),
};

function answer(child, { id, method, params }) {
  if (id === undefined) return;
  const result = ANSWERS[method];
  if (result === undefined) return say(child, { id, error: { code: -32600, message: `no method ${method}` } });
  say(child, { id, result: result(params) });
  if (method === "turn/start") setImmediate(tick, child, 0);
}

function tick(child, n) {
  if (n === count) return;
  const params = `{"threadId":"t","turnId":"turn-1","itemId":"msg_1","delta":"tok${n} "}`;
  child.stdout.emit("data", Buffer.from(`{"method":"item/agentMessage/delta","params":${params}}\n`));
  setImmediate(tick, child, n + 1);
}

function spawn() {
  const child = Object.assign(new EventEmitter(), {
    stdout: new EventEmitter(), stderr: new EventEmitter(), kill: () => child.emit("exit", 0, null),
    stdin: {
      write: (text) => setImmediate(() => {
        for (const line of text.split("\n").filter(Boolean)) answer(child, JSON.parse(line));
      }),
      end: () => child.emit("exit", 0, null),
    },
  });
  setImmediate(() => child.emit("spawn"));
  return child;
}

const config = resolveCodexdConfig({ stateDir, repoRoot: "/", localApiBase: "http://127.0.0.1:0" }, {});
const service = new CodexdLocalService(config, { spawner: { spawn } });
await service.start();
const daemon = service.getDaemon();
const { sessionId } = await daemon.createSession({});
const { resolvedBaseUrl } = service.getStatus().service;
console.log(new URL(resolvedBaseUrl).port);
console.log(readFileSync(path.join(stateDir, "token"), "utf8").trim());
createInterface({ input: process.stdin })
  .on("line", () => void daemon.createTurn({ sessionId, prompt: "go" }))
  .on("close", () => void service.stop().then(() => process.exit(0)));
