// One WebSocket client that decodes every event and checks that no number is left out.
//
// Arguments: port, token, event type to end at. Prints `ready` when the stream is joined, then {events, lastAt} with
// lastAt in epoch milliseconds when the last event had been decoded.

import { openEvents } from "./ws-stream.mjs";

const [port, token, endType] = process.argv.slice(2);
let events = 0;
let lastSeq = 0;

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

openEvents({ port, token }, take, (reason) => {
  console.error(`the stream ended after ${events} events: ${reason}`);
  process.exit(1);
});
