// `node --import …/compiled-loader.mjs program.ts`: reads what `compiled.ts` has made of the sources.
//
// Plain JavaScript: it is what makes Node read anything else. The hooks run in a thread of their own.

import { register } from "node:module";

register("./compiled-hooks.mjs", import.meta.url);
