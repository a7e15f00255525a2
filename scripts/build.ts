// `npm run build`: makes `dist` anew.
//
// The work is in dist.ts, which `npm test` and `npm run e2e` share.

import { build } from "./dist.ts";
import { main } from "./run.ts";

await main(build);
