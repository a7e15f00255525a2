// Pages without an origin (`Origin: null`), in a real browser: in a sandboxed frame, of a data: address, of a file.
//
// The attacks and what is asked of each: test/support/browser-suite.ts.

import { attackFrom } from "../support/browser-suite.ts";

attackFrom(["sandboxed"], ["data", "file"]);
