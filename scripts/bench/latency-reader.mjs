// How long each delta of the synthetic child was under way when its reader had parsed it, in microseconds.
//
// `pipe COUNT RATE` starts the child and reads it over its pipe, which is the floor; `ws PORT TOKEN` reads a daemon's
// events and prints `ready` when it has joined. At the end of the turn it prints all times, in order, as one JSON list.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { openEvents } from "./ws-stream.mjs";

const [form, ...rest] = process.argv.slice(2);
const times = [];

function takeDelta(delta) {
  const nowUs = Number(process.hrtime.bigint() / 1000n);
  times.push(nowUs - Number(delta.slice(delta.indexOf("@") + 1)));
}

function finish() {
  console.log(JSON.stringify(times));
  process.exitCode = 0;
}

function readPipe([count, rate]) {
  const program = fileURLToPath(new URL("./blast-app-server.mjs", import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
  const send = (message) => child.stdin.write(`${JSON.stringify(message)}\n`);
  let pending = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const lines = (pending + text).split("\n");
    pending = lines.pop();
    for (const line of lines) {
      const { method, params } = JSON.parse(line);
      if (method === "item/agentMessage/delta") takeDelta(params.delta);
      if (method !== "turn/completed") continue;
      finish();
      child.stdin.end();
    }
  });
  const input = [{ type: "text", text: `DELTAS=${count} RATE=${rate}` }];
  send({ id: 1, method: "initialize", params: {} });
  send({ id: 2, method: "turn/start", params: { threadId: "t", input } });
}

function readEvents([port, token]) {
  const take = (text) => {
    const { type, event } = JSON.parse(text);
    if (type === "hello") console.log("ready");
    if (type !== "event") return;
    if (event.type === "app-server.turn.message.delta") takeDelta(event.detail.delta);
    if (event.type !== "turn.finished") return;
    finish();
    process.stdin.destroy();
    socket.end();
  };
  const socket = openEvents({ port, token }, take, (reason) => {
    if (times.length > 0 && process.exitCode === 0) return;
    console.error(`the stream ended after ${times.length} deltas: ${reason}`);
    process.exit(1);
  });
}

if (form === "pipe") readPipe(rest);
else readEvents(rest);
