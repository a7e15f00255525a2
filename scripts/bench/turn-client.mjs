// A client of codexd that sends turns and watches them over a WebSocket, where it parses every event.
//
// Arguments: port and token. Prints `ready` when it watches; each line on standard input, {sessionId, input}, is one
// turn, and is answered with {ms, deltas}: from the POST until turn.finished has been parsed.

import { request } from "node:http";
import { createInterface } from "node:readline";
import { openEvents } from "./ws-stream.mjs";

const [port, token] = process.argv.slice(2);
let deltas = 0;
let finished = () => undefined;

function take(text) {
  const { type, event } = JSON.parse(text);
  if (type === "hello") console.log("ready");
  if (type !== "event") return;
  if (event.type === "app-server.turn.message.delta") deltas += 1;
  else if (event.type === "turn.finished") finished(event.detail.status);
}

function post(body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const sent = request({ port, host: "127.0.0.1", path: "/v1/codexd/turn", method: "POST", headers }, (response) => {
    if (response.statusCode !== 202) throw new Error(`codexd refuses the turn with ${response.statusCode}`);
    response.resume();
  });
  sent.end(body);
}

async function turn(body) {
  deltas = 0;
  const ended = new Promise((resolve) => (finished = resolve));
  const startedAt = performance.now();
  post(body);
  const status = await ended;
  const ms = performance.now() - startedAt;
  if (status !== "completed") throw new Error(`the turn has ended as ${status}`);
  console.log(JSON.stringify({ ms, deltas }));
}

const socket = openEvents({ port, token }, take, (reason) => {
  if (!process.stdin.destroyed) throw new Error(`the stream has ended: ${reason}`);
});
createInterface({ input: process.stdin })
  .on("line", (line) => void turn(line))
  .on("close", () => {
    process.stdin.destroy();
    socket.end();
  });
