// The echo that is measured: on the framer, or on the package `ws`. One process, one of the two.
//
// Arguments: a URL of the framer's module, or `ws` and the path of that package. Prints its port; each line on standard
// input is answered with its resident memory in KiB, as the system counts it.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
const [from, packagePath] = process.argv.slice(2);
const server = createServer();
server.on("upgrade", from === "ws" ? echoOfWs() : echoOf(await import(from)));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
createInterface({ input: process.stdin }).on("line", tell).on("close", () => process.exit(0));

function echoOfWs() {
  const { WebSocketServer } = createRequire(import.meta.url)(packagePath);
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MESSAGE_BYTES_MAX });
  sockets.on("connection", (socket) => {
    socket.on("error", () => undefined);
    socket.on("message", (message, isBinary) => socket.send(message, { binary: isBinary }));
  });
  return (request, socket, head) => sockets.handleUpgrade(request, socket, head, (one) => {
    sockets.emit("connection", one);
  });
}

function echoOf({ createWsReceiver, encodeCloseFrame, encodeFrame, judgeUpgrade, OPCODE, upgradeResponse }) {
  return (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    const judged = judgeUpgrade(request);
    if (!judged.ok) return socket.destroy();
    socket.write(upgradeResponse(judged.accept));
    const receiver = createWsReceiver({
      role: "server",
      messageBytesMax: MESSAGE_BYTES_MAX,
      allowBinary: true,
      on: {
        message: (opcode, bytes) => socket.write(encodeFrame(opcode, bytes)),
        ping: (payload) => socket.write(encodeFrame(OPCODE.pong, payload)),
        pong: () => undefined,
        close: (code) => socket.end(encodeCloseFrame(code, "")),
        violation: (code, reason) => socket.end(encodeCloseFrame(code, reason)),
      },
    });
    if (head.length > 0) receiver.push(head);
    socket.on("end", () => socket.end()).on("data", (bytes) => receiver.push(bytes));
  };
}

function tell() {
  console.log(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
}
