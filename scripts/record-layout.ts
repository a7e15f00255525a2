// Records the state directory that today's codexd leaves, for test/layouts.test.ts: `npx tsx scripts/record-layout.ts`.
//
// To be run when the layout has changed on purpose. Invariant: only the folder `today` is replaced; what a released
// codexd has left is never recorded anew, but kept under another name.

import { cpSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { writeLayout } from "../test/support/layouts.ts";
import { main } from "./run.ts";

await main(async () => {
  // Not a name by chance: it stands in what is recorded.
  const dir = path.join(tmpdir(), "layout");
  rmSync(dir, { recursive: true, force: true });
  try {
    await writeLayout(dir);
    const to = path.join(import.meta.dirname, "..", "test", "fixtures", "layouts", "today");
    rmSync(to, { recursive: true, force: true });
    cpSync(path.join(dir, "state"), to, { recursive: true });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
