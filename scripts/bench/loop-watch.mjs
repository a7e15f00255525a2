// Loaded into a process (`node --import`), it measures how long the event loop stands still, and says so on SIGUSR2:
// the longest times since the last question, one line of JSON on stderr.
//
// What the thread has waited for a processor, because others had it, is no pause of its own and is taken off where
// the system tells it.

import { openSync, readSync } from "node:fs";

const KEPT = 5;
const statistics = openStatistics();
const buffer = Buffer.alloc(64);
let longest = [];
let last = performance.now();
let waited = waitedMs();

setInterval(() => {
  const now = performance.now();
  const waitedNow = waitedMs();
  const wallMs = now - last - 1;
  const ownMs = wallMs - (waitedNow - waited);
  if (longest.length < KEPT || ownMs > longest[KEPT - 1].ownMs) {
    longest = [...longest, { ownMs, wallMs }].sort((a, b) => b.ownMs - a.ownMs).slice(0, KEPT);
  }
  last = now;
  waited = waitedNow;
}, 1).unref();

process.on("SIGUSR2", () => process.stderr.write(`${JSON.stringify({ loopPauses: takePauses() })}\n`));

/** The longest pauses since the last call, `{ownMs, wallMs}` each, longest first. */
export function takePauses() {
  const taken = longest;
  longest = [];
  return taken;
}

function openStatistics() {
  try {
    return openSync("/proc/thread-self/schedstat", "r");
  } catch {
    // Not on this system: pauses then hold what other programs have taken.
    return undefined;
  }
}

/** Milliseconds that this thread has waited for a processor so far. */
function waitedMs() {
  if (statistics === undefined) return 0;
  const length = readSync(statistics, buffer, 0, buffer.length, 0);
  return Number(buffer.toString("latin1", 0, length).split(" ")[1]) / 1e6;
}
