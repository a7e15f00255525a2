// What loads an echo: `echo KIND MESSAGES PORT PORT` sends messages of 64 KiB, a few ahead of their answers, and prints
// how many a second came back from each port; `idle COUNT PORT` opens connections, prints a line, and keeps them until
// its input ends.
//
// The one frame is made once and answers are only counted, so that next to nothing but the echo is measured. The two
// ports take turns every few messages, so that whatever else the machine does falls on both.

import { connect } from "node:net";

const MESSAGE_BYTES = 64 * 1024;
const ANSWER_BYTES = MESSAGE_BYTES + 10;
const AHEAD = 8;
const TURN_MESSAGES = 100;
const KEY = Buffer.from("37fa213d", "hex");
const REQUEST = [
  "GET / HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "\r\n",
].join("\r\n");

const [task, ...rest] = process.argv.slice(2);
if (task === "echo") await echo(rest[0] === "text" ? 0x81 : 0x82, Number(rest[1]), rest.slice(2));
else await idle(Number(rest[0]), rest[1]);

function open(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: "127.0.0.1", noDelay: true });
    socket.on("error", reject).once("data", () => resolve(socket));
    socket.write(REQUEST);
  });
}

async function echo(first, messages, ports) {
  const frame = Buffer.alloc(14 + MESSAGE_BYTES, "the quick brown fox ");
  frame.set([first, 0xff]);
  frame.writeBigUInt64BE(BigInt(MESSAGE_BYTES), 2);
  frame.set(KEY, 10);
  for (let i = 0; i < MESSAGE_BYTES; i += 1) frame[14 + i] ^= KEY[i & 3];
  const ends = await Promise.all(ports.map(async (port) => ({ socket: await open(port), ms: 0 })));
  // What is compiled on the way is not measured.
  for (const { socket } of ends) await exchange(socket, frame, messages >> 3);
  for (let done = 0; done < messages; done += TURN_MESSAGES) {
    for (const end of ends) {
      const from = performance.now();
      await exchange(end.socket, frame, TURN_MESSAGES);
      end.ms += performance.now() - from;
    }
  }
  console.log(JSON.stringify(ends.map(({ ms }) => (messages * 1000) / ms)));
  for (const { socket } of ends) socket.destroy();
}

function exchange(socket, frame, messages) {
  return new Promise((resolve) => {
    let sent = 0;
    let bytes = 0;
    const send = () => {
      while (sent < messages && sent * ANSWER_BYTES - bytes < AHEAD * ANSWER_BYTES) {
        socket.write(frame);
        sent += 1;
      }
    };
    socket.on("data", function take(part) {
      bytes += part.length;
      send();
      if (bytes < messages * ANSWER_BYTES) return;
      socket.off("data", take);
      resolve();
    });
    send();
  });
}

async function idle(count, port) {
  const sockets = [];
  for (let i = 0; i < count; i += 1) sockets.push(await open(port));
  console.log(sockets.length);
  process.stdin.resume().on("end", () => process.exit(0));
}
