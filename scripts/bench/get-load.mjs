// Loads a server with one GET again and again over keep-alive connections, without pipelining.
//
// Arguments: port, path, token, connections, milliseconds. Prints {requests, ms, all}; `all` has those before the clock
// began too. All answers are of one length, which the first one tells; of the others only the status is looked at, so
// that the load costs less than what it loads.

import { connect } from "node:net";

const [port, path, token, connections, ms] = process.argv.slice(2);
const request =
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\nAccept: */*\r\n\r\n`;
let requests = 0;
let before = 0;
let startedAt = 0;
let answerBytes = 0;

/** Bytes of head and body together. */
function measure(chunk) {
  const head = chunk.latin1Slice(0, Math.min(chunk.length, 2048));
  const end = head.indexOf("\r\n\r\n") + 4;
  return end + Number(/content-length: (\d+)/i.exec(head)[1]);
}

function run() {
  const socket = connect(Number(port), "127.0.0.1");
  socket.setNoDelay(true);
  let missing = 0;
  socket.on("connect", () => socket.write(request));
  socket.on("data", (chunk) => {
    if (missing === 0) {
      if (chunk.latin1Slice(9, 12) !== "200") throw new Error(chunk.latin1Slice(0, 200));
      missing = answerBytes ||= measure(chunk);
    }
    missing -= chunk.length;
    if (missing !== 0) return;
    requests += 1;
    socket.write(request);
  });
}

// Never asleep: waking it would be charged to the server, and the slower one the more often.
function spin() {
  setImmediate(spin);
}

spin();
for (let n = 0; n < Number(connections); n += 1) run();
setTimeout(() => {
  before = requests;
  startedAt = performance.now();
  setTimeout(() => {
    console.log(JSON.stringify({ requests: requests - before, ms: performance.now() - startedAt, all: requests }));
    process.exit(0);
  }, Number(ms));
}, 300);
