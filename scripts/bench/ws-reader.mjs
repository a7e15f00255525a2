// One WebSocket client that decodes every event: a raw socket, so that the client costs as little as a client can.
//
// Arguments: port, token, event type to end at. Prints `ready` when the stream is joined, then {events, lastAt} with
// lastAt in epoch milliseconds when the last event had been decoded.

import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";

const [port, token, endType] = process.argv.slice(2);
const key = randomBytes(16).toString("base64");
const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
const socket = connect(Number(port), "127.0.0.1");
socket.write(
  `GET /v1/codexd/events?snapshot=0 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
  `Connection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
);

let pending = Buffer.alloc(0);
let upgraded = false;
let events = 0;
let lastSeq = 0;
let closeReason = "no close frame";

function take(text) {
  const message = JSON.parse(text);
  if (message.type === "hello") return console.log("ready");
  if (message.type !== "event") return;
  const { seq, type } = message.event;
  if (lastSeq !== 0 && seq !== lastSeq + 1) throw new Error(`a gap: ${lastSeq} then ${seq}`);
  lastSeq = seq;
  events += 1;
  if (type === endType) {
    console.log(JSON.stringify({ events, lastAt: performance.timeOrigin + performance.now() }));
    process.exit(0);
  }
}

function upgrade(bytes) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return bytes;
  const head = bytes.toString("latin1", 0, end);
  if (!head.startsWith("HTTP/1.1 101") || !head.includes(accept)) throw new Error(`no upgrade: ${head}`);
  upgraded = true;
  return bytes.subarray(end + 4);
}

socket.on("data", (chunk) => {
  let bytes = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
  if (!upgraded) bytes = upgrade(bytes);
  let at = 0;
  while (upgraded && bytes.length - at >= 2) {
    const short = bytes[at + 1];
    const header = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length - at < header) break;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    if (bytes.length - at < header + length) break;
    const start = at + header;
    if ((bytes[at] & 15) === 1) take(bytes.toString("utf8", start, start + length));
    else if ((bytes[at] & 15) === 8) closeReason = bytes.toString("utf8", start + 2, start + length);
    at = start + length;
  }
  pending = bytes.subarray(at);
});
socket.on("close", () => {
  console.error(`the stream ended after ${events} events: ${closeReason}`);
  process.exit(1);
});
