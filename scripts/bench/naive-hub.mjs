// The floor of fan-out: a hub that does what comes to mind first, one write for each client and event.
//
// Arguments: the number of events. Prints its port; a line on standard input starts the synthetic child. Each of its
// lines is parsed, made an event, framed once, and written to every client.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const count = Number(process.argv[2]);
const clients = new Set();
let seq = 0;

function frame(text) {
  const bytes = Buffer.byteLength(text);
  const head = bytes < 126 ? Buffer.from([0x81, bytes]) : Buffer.from([0x81, 126, bytes >> 8, bytes & 255]);
  return Buffer.concat([head, Buffer.from(text)]);
}

function take(line) {
  const message = JSON.parse(line);
  if (message.method === undefined) return;
  const event = frame(JSON.stringify({
    type: "event",
    event: {
      seq: ++seq, createdAt: new Date().toISOString(), level: "info", type: "app-server.turn.message.delta",
      message: "delta", detail: message.params,
    },
  }));
  for (const client of clients) client.write(event);
}

function blast() {
  const program = fileURLToPath(new URL("./blast-app-server.mjs", import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
  createInterface({ input: child.stdout }).on("line", take);
  const send = (message) => child.stdin.write(`${JSON.stringify(message)}\n`);
  send({ id: 1, method: "initialize", params: {} });
  send({ id: 2, method: "turn/start", params: { threadId: "t", input: [{ type: "text", text: `DELTAS=${count}` }] } });
}

const server = createServer();
server.on("upgrade", (request, socket) => {
  const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash("sha1").update(key).digest("base64");
  socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on("error", () => clients.delete(socket));
  clients.add(socket);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
createInterface({ input: process.stdin }).on("line", blast).on("close", () => process.exit(0));
