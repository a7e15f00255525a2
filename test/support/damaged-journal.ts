// A simulated disk with a journal of thirty lines on it, and ways to damage what is there.
//
// The damage itself is the tests' own: what a start makes of it is tried in journal-recovery.test.ts, what somebody
// who only looks says of it in read-state.test.ts and inspect.test.ts.

import { SimulatedDisk } from "./disk-simulator.ts";
import { DIR, draft, LOGS, openTestStore } from "./disk-store.ts";

export const RUNS = `${DIR}/run-registry.json`;
export const STATE = `${DIR}/daemon-state.json`;
export const SEGMENTS = { segmentBytes: 1500 };

/** A journal of 30 lines in several segments, each putting a record; ended in order or not. */
export async function diskWithJournal(end: "clean" | "killed" | "power"): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount(), {}, SEGMENTS);
  for (let n = 1; n <= 30; n++) await store.commit(draft(`m${n}`), { put: { run: { id: `r${n % 7}`, n } } });
  if (end === "clean") await store.close();
  else await store.sync();
  if (end === "power") disk.losePower(() => 0.999);
  else disk.killProcess();
  return disk;
}

/** Changes a byte in the middle of line `index` of a file. */
export function damage(disk: SimulatedDisk, file: string, index: number): number {
  const bytes = Buffer.from(disk.peek(file) ?? "");
  let offset = 0;
  for (let i = 0; i < index; i++) offset = bytes.indexOf("\n", offset) + 1;
  bytes[offset + 30] = 0x7f;
  disk.poke(file, bytes);
  return offset;
}

export function closedSegments(disk: SimulatedDisk): string[] {
  return disk.names(LOGS).filter((name) => name.startsWith("events-")).sort().map((name) => `${LOGS}/${name}`);
}
