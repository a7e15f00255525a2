// Asks a daemon for its health again and again, each time on a connection of its own, until its stdin ends.
//
// Plain, and a process of its own, so that no work of the one who measures counts. Says on stdout how many milliseconds
// each answer took; one that failed counts as -1.

import { request } from "node:http";

const [, , place = "", port = "0"] = process.argv;
const EVERY_MS = 20;
const took = [];
const target = place === "" ? { host: "127.0.0.1", port: Number(port) } : { socketPath: place };

function ask() {
  const began = performance.now();
  const options = { ...target, path: "/healthz", agent: false, headers: { host: `127.0.0.1:${port}` } };
  const sent = request(options, (answer) => {
    answer.resume().on("end", () => took.push(performance.now() - began));
  });
  sent.on("error", () => took.push(-1)).end();
}

const timer = setInterval(ask, EVERY_MS);
process.stdin.resume().on("end", () => {
  clearInterval(timer);
  process.stdout.write(JSON.stringify(took.map((ms) => Math.round(ms * 10) / 10)), () => process.exit());
});
