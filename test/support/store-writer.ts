// A process that commits to a store on the real disk as fast as it can, and tells each acknowledgement on its output.
//
// Made to be killed: it never ends by itself. Each line is the newest seq that was acknowledged.

import { systemClock } from "../../src/base/clock.ts";
import { openStore } from "../../src/store/store.ts";
import { draft, storeOptions } from "./disk-store.ts";

const { store } = await openStore(storeOptions({ stateDir: process.argv[2] ?? "", clock: systemClock }));
for (;;) {
  const commit = (): Promise<number> =>
    store.commit(draft("m", { text: "x".repeat(200) }), (n) => ({ put: { run: { id: `r${n % 50}`, n } } }));
  const seqs = await Promise.all(Array.from({ length: 20 }, commit));
  process.stdout.write(`${seqs.at(-1)}\n`);
}
