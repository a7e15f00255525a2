// Events as lines of JSON; made for `curl -N`.
//
// Only how they look: how they flow is stream-response.ts's matter.

import { eventLines, gapText } from "./event-frames.ts";
import type { Framing } from "./stream-response.ts";

export const NDJSON: Framing = {
  kind: "ndjson",
  contentType: "application/x-ndjson; charset=utf-8",
  opening: () => "",
  encode: eventLines,
  gap: (gap) => `${gapText(gap)}\n`,
  heartbeat: (seq) => `{"type":"heartbeat","seq":${seq}}\n`,
};
