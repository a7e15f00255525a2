// A process that commits to a store on the real disk as fast as it can, and tells each acknowledgement on its output.
//
// Made to be killed: it never ends by itself. Each line is the newest seq that was acknowledged.

import { systemClock } from "../../src/base/clock.ts";
import { openStore } from "../../src/store/store.ts";
import { draft, storeOptions } from "./disk-store.ts";

const { store } = await openStore(storeOptions({ stateDir: process.argv[2] ?? "", clock: systemClock }));
for (;;) {
  const commits = Array.from({ length: 20 }, () => {
    return store.commit(draft("m", { text: "x".repeat(200) }), (seq) => ({ put: { run: { id: `r${seq % 50}`, n: seq } } }));
  });
  const seqs = await Promise.all(commits);
  process.stdout.write(`${seqs.at(-1)}\n`);
}
