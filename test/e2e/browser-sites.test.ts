// Pages that have an origin of their own, in a real browser: of another site, of another port of this machine, and of a
// name that leads to codexd by now.
//
// The attacks and what is asked of each: test/support/browser-suite.ts.

import { attackFrom } from "../support/browser-suite.ts";

attackFrom(["foreign", "port", "rebound"], ["https", "address"]);
