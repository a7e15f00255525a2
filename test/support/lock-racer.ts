// A process that tries to take the lock of a state directory a few times at once, when its standard input says so.
//
// Prints `ready`, then a line for each try: `won` or `held <message>`; what it won it holds until its input ends.

import { nodeDisk } from "../../src/store/disk.ts";
import { acquireLock, type Lock } from "../../src/store/lock.ts";

const directory = process.argv[2] ?? "";
const tries = Number(process.argv[3] ?? 1);
let lock: Lock | undefined;

async function attempt(): Promise<void> {
  try {
    lock = await acquireLock(nodeDisk, directory);
    process.stdout.write("won\n");
  } catch (error) {
    process.stdout.write(`held ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

process.stdin.once("data", () => {
  for (let i = 0; i < tries; i++) void attempt();
});
process.stdin.on("end", () => {
  void (lock?.release() ?? Promise.resolve()).then(() => process.exit(0));
});
process.stdout.write("ready\n");
