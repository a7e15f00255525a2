// The edge's limits as one value, so that a test can have small ones.
//
// Deliberately without figures: those, and their reasons, stand in core/limits.ts.

import { LIMITS } from "../core/limits.ts";

export type EdgeLimits = {
  readonly [K in
    | "headersMs" | "requestMs" | "keepAliveMs" | "connectionsCheckMs" | "connectionsMax" | "lingerMs" | "edgeStopMs"
    | "bodiesBytesMax" | "lingerBytesMax"
    | "streamSoftBytes" | "streamSoftMs" | "streamHardBytes" | "streamDrainedBytes"
    | "streamsHeldBytesMax"]: number;
};

export const EDGE_LIMITS: EdgeLimits = LIMITS;
