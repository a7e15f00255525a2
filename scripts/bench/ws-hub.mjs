// The floor of fan-out: a hub on the `ws` package that sends each event to each client, as one would write it first.
//
// Arguments: the folder of the package, the number of events, and `ticks` where each event comes in a tick of its own
// instead of from the synthetic child. Prints its port; a line on standard input starts the events.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const [folder, countText, ticks] = process.argv.slice(2);
const { WebSocketServer } = createRequire(path.join(folder, "package.json"))("ws");
const count = Number(countText);
let seq = 0;

function take(line) {
  const message = JSON.parse(line);
  if (message.method === undefined) return;
  const text = JSON.stringify({
    type: "event",
    event: {
      seq: ++seq, createdAt: new Date().toISOString(), level: "info", type: "app-server.turn.message.delta",
      message: "delta", detail: message.params,
    },
  });
  for (const client of server.clients) client.send(text);
}

function blast() {
  const program = fileURLToPath(new URL("./blast-app-server.mjs", import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
  createInterface({ input: child.stdout }).on("line", take);
  const send = (message) => child.stdin.write(`${JSON.stringify(message)}\n`);
  send({ id: 1, method: "initialize", params: {} });
  send({ id: 2, method: "turn/start", params: { threadId: "t", input: [{ type: "text", text: `DELTAS=${count}` }] } });
}

function tick(n = 0) {
  if (n === count) return;
  const params = `{"threadId":"t","turnId":"turn-1","itemId":"msg_1","delta":"tok${n} "}`;
  take(`{"method":"item/agentMessage/delta","params":${params}}`);
  setImmediate(tick, n + 1);
}

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
server.on("listening", () => console.log(server.address().port));
server.on("connection", (client) => client.on("error", () => client.terminate()));
createInterface({ input: process.stdin })
  .on("line", ticks === "ticks" ? () => tick() : blast)
  .on("close", () => process.exit(0));
