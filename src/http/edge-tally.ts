// What the HTTP edge counts of itself, and how that is told.
//
// Plain additions, one a request or a stream. Invariant: labels come from closed lists (classes of status, error codes,
// kinds of stream), never from what a caller sends, so that nobody can make the figures grow.

import type { ErrorCode } from "../core/errors.ts";
import { byLabel, type MetricFamily } from "../service/status/metrics.ts";
import { STREAM_KINDS, type StreamKind, type Streams } from "./streams.ts";

export interface EdgeTally {
  /** A request has been answered, or an upgrade (101), whatever came of it. */
  answered(status: number): void;
  refused(code: ErrorCode): void;
  /** A client was too slow, or asked too much at once, and its stream was ended. */
  cutOff(kind: StreamKind): void;
  readonly requests: Readonly<Record<string, number>>;
  readonly refusals: Readonly<Record<string, number>>;
  readonly cutOffs: Readonly<Record<StreamKind, number>>;
}

export function createEdgeTally(): EdgeTally {
  const requests: Record<string, number> = { "1xx": 0, "2xx": 0, "4xx": 0, "5xx": 0 };
  const refusals: Record<string, number> = {};
  const cutOffs: Record<StreamKind, number> = { websocket: 0, ndjson: 0, sse: 0 };
  return {
    requests,
    refusals,
    cutOffs,
    answered(status) {
      const name = `${Math.floor(status / 100)}xx`;
      requests[name] = (requests[name] ?? 0) + 1;
    },
    refused(code) {
      refusals[code] = (refusals[code] ?? 0) + 1;
    },
    cutOff(kind) {
      cutOffs[kind] += 1;
    },
  };
}

export interface EdgeFigures {
  readonly tally: EdgeTally;
  readonly streams: Streams;
  /** Open connections, by what they came over. */
  readonly connections: Readonly<Record<string, number>>;
  readonly connectionsMax: number;
}

export function edgeFamilies({ tally, streams, connections, connectionsMax }: EdgeFigures): MetricFamily[] {
  const open = Object.fromEntries(STREAM_KINDS.map((kind) => [kind, streams.count(kind)]));
  const limits = Object.fromEntries(Object.keys(connections).map((transport) => [transport, connectionsMax]));
  return [
    byLabel("codexd_http_requests_total", "counter", "Answers by class of status; 1xx are upgrades.", "status",
      tally.requests),
    byLabel("codexd_http_refusals_total", "counter", "Refused requests by error code.", "error", tally.refusals),
    byLabel("codexd_http_connections", "gauge", "Open connections.", "transport", connections),
    byLabel("codexd_http_connections_limit", "gauge", "How many connections there may be.", "transport", limits),
    byLabel("codexd_streams", "gauge", "Open event streams by form.", "form", open),
    byLabel("codexd_stream_cutoffs_total", "counter", "Streams whose client could not keep up.", "form", tally.cutOffs),
  ];
}
