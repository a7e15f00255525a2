// The processor time of a process, as the kernel counts it.
// Only Linux tells it of another process: elsewhere these benches say that they cannot run.

import { readFileSync } from "node:fs";

/** What the kernel counts in: `sysconf(_SC_CLK_TCK)`, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Seconds in user and kernel so far, of all threads, to a hundredth. @throws where there is no /proc. */
export function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name of the program is in brackets and may hold anything; utime and stime are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
