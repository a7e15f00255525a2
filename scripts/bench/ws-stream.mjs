// A WebSocket connection to a daemon's events: a raw socket, so that the client costs as little as a client can.
//
// Not a client to take over: it trusts the daemon's frames and knows text, pings and the close. Each message goes to
// `take` as text, in order; the end of the stream goes to `lost` with its reason. Whoever opens one ends its socket.

import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";

const TEXT = 1;
const CLOSE = 8;
const PING = 9;

/** Gives its socket. @param query behind `snapshot=0`, such as `&type=daemon.*`. */
export function openEvents({ port, token, query = "" }, take, lost) {
  const key = randomBytes(16).toString("base64");
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  const socket = connect(Number(port), "127.0.0.1");
  socket.write(
    `GET /v1/codexd/events?snapshot=0${query} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
    `Connection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );
  let pending = Buffer.alloc(0);
  let upgraded = false;
  let closeReason = "no close frame";

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
      const opcode = bytes[at] & 15;
      if (opcode === TEXT) take(bytes.toString("utf8", start, start + length));
      else if (opcode === PING) pong(socket, bytes.subarray(start, start + length));
      else if (opcode === CLOSE) closeReason = bytes.toString("utf8", start + 2, start + length);
      at = start + length;
    }
    pending = bytes.subarray(at);
  });
  socket.on("close", () => lost(closeReason));
  return socket;
}

/** Masked with zeros, which masks nothing. */
function pong(socket, payload) {
  socket.write(Buffer.concat([Buffer.from([0x8a, 0x80 | payload.length, 0, 0, 0, 0]), payload]));
}
