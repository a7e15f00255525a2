// The embedded agent's entry: the one file of it that touches the real process.
//
// Only ever started as a program of its own, by `codexd demo` and by whoever wants to; nothing imports it.

import { systemClock } from "../base/clock.ts";
import { systemUuid } from "../core/ids.ts";
import { readVersion } from "../version.ts";
import { runAgent } from "./program.ts";

// Node would open a debugger at it, on a port that every user of the machine can reach.
process.on("SIGUSR1", () => undefined);
// Whoever read the output has gone: there is nobody left to work for.
process.stdout.on("error", () => process.exit(1));
const code = await runAgent(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  clock: systemClock,
  uuid: systemUuid,
  version: () => readVersion(),
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  onSignal: (signal, listener) => void process.on(signal, listener),
});
process.stdout.write("", () => process.exit(code));
