// Loads a server with one GET again and again over keep-alive connections, without pipelining.
//
// Arguments: port, path, token, connections, milliseconds. Prints {requests, ms}. Reads no more of an answer than its
// length, so that the load costs less than what it loads.

import { connect } from "node:net";

const [port, path, token, connections, ms] = process.argv.slice(2);
const request =
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\nAccept: */*\r\n\r\n`;
let requests = 0;
let startedAt = 0;

function run() {
  const socket = connect(Number(port), "127.0.0.1");
  socket.setNoDelay(true);
  let missing = 0;
  socket.on("connect", () => socket.write(request));
  socket.on("data", (chunk) => {
    if (missing > 0) missing -= chunk.length;
    else {
      const head = chunk.latin1Slice(0, Math.min(chunk.length, 2048));
      if (!head.startsWith("HTTP/1.1 200")) throw new Error(head);
      const end = head.indexOf("\r\n\r\n") + 4;
      const length = Number(/content-length: (\d+)/i.exec(head)[1]);
      missing = end + length - chunk.length;
    }
    if (missing !== 0) return;
    requests += 1;
    socket.write(request);
  });
}

for (let n = 0; n < Number(connections); n += 1) run();
setTimeout(() => {
  requests = 0;
  startedAt = performance.now();
  setTimeout(() => {
    console.log(JSON.stringify({ requests, ms: performance.now() - startedAt }));
    process.exit(0);
  }, Number(ms));
}, 300);
