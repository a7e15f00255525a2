// The store of codexd's own tables on a simulated disk, for tests of what lies beside records that are too long.
// Without the lock, as disk-store.ts, whose directories these are.

import path from "node:path";

import type { Clock } from "../../src/base/clock.ts";
import type { CodexdPaths } from "../../src/core/config.ts";
import { tableSpecs, type CodexdStore } from "../../src/service/tables.ts";
import { openStore } from "../../src/store/store.ts";
import type { StoreOptions } from "../../src/store/types.ts";
import type { SimulatedDisk } from "./disk-simulator.ts";
import { DIR, storeOptions } from "./disk-store.ts";
import { createFakeClock } from "./fake-clock.ts";

const KINDS = ["session", "turn", "run", "approval", "answer", "mark"];
const PATHS = Object.fromEntries(
  KINDS.map((kind) => [`${kind}RegistryPath`, path.join(DIR, `${kind}.json`)]),
) as unknown as CodexdPaths;

export async function openRecordStore(
  disk: SimulatedDisk, clock: Clock = createFakeClock(),
): Promise<CodexdStore> {
  const options = { ...storeOptions(), tables: tableSpecs(PATHS), clock } as unknown as StoreOptions<never>;
  const { store } = await openStore(options, disk.mount(), { lock: async () => ({ release: async () => {} }) });
  return store as unknown as CodexdStore;
}
