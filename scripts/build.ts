// `npm run build [-- --if-needed]`: makes `dist` anew; with the flag only where a source is newer.
//
// The work is in dist.ts, which `npm test` and `npm run e2e` share.

import { parseArgs } from "node:util";
import { build, ensureBuilt } from "./dist.ts";
import { main } from "./run.ts";

await main(() => {
  const { values } = parseArgs({ options: { "if-needed": { type: "boolean", default: false } } });
  if (values["if-needed"]) ensureBuilt();
  else build();
});
