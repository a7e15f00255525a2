// The floor of the event path: reads the synthetic child, splits lines, parses each, stringifies an event, drops it.
//
// Prints {events, ms}; the clock runs from the answer to turn/start to turn/completed.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const count = Number(process.argv[2]);
const program = fileURLToPath(new URL("./blast-app-server.mjs", import.meta.url));
const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
const send = (message) => child.stdin.write(`${JSON.stringify(message)}\n`);
let rest = "";
let seq = 0;
let bytes = 0;
let startedAt = 0;

function take(line) {
  const message = JSON.parse(line);
  if (message.id === 2) startedAt = performance.now();
  if (message.method === undefined) return;
  seq += 1;
  bytes += JSON.stringify({
    seq, createdAt: "2026-01-01T00:00:00.000Z", level: "info", type: "app-server.turn.message.delta",
    message: "delta", detail: message.params,
  }).length;
  if (message.method !== "turn/completed") return;
  console.log(JSON.stringify({ events: seq, ms: performance.now() - startedAt, bytes }));
  process.exit(0);
}

child.stdout.setEncoding("utf8");
child.stdout.on("data", (text) => {
  rest += text;
  let from = 0;
  for (let at = rest.indexOf("\n"); at >= 0; at = rest.indexOf("\n", from)) {
    take(rest.slice(from, at));
    from = at + 1;
  }
  rest = rest.slice(from);
});
send({ id: 1, method: "initialize", params: {} });
send({ id: 2, method: "turn/start", params: { threadId: "t", input: [{ type: "text", text: `DELTAS=${count}` }] } });
