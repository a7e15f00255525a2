// Many WebSocket clients that have nothing to do, in one process: they answer pings, and count what they are told.
//
// Arguments: port, token, how many, and a query that narrows what they watch. Prints `ready` when all have joined;
// ends with 1 when one of them is cut off.

import { openEvents } from "./ws-stream.mjs";

const [port, token, count, query = ""] = process.argv.slice(2);
let joined = 0;

function take(text) {
  if (text.startsWith('{"type":"hello"') && ++joined === Number(count)) console.log("ready");
}

for (let n = 0; n < Number(count); n += 1) {
  openEvents({ port, token, query }, take, (reason) => {
    console.error(`an idle client was cut off: ${reason}`);
    process.exit(1);
  });
}
process.stdin.resume().on("close", () => process.exit(0));
