// `GET /metrics`: everything that can be measured, as Prometheus text.
//
// Needs the token like all else: a scraper is given the token file (`authorization.credentials_file`).

import { edgeFamilies } from "./edge-tally.ts";
import { METRICS_TYPE, metricsText } from "./metrics-text.ts";
import { NO_BODY, route, type Route } from "./route.ts";

export const METRICS_ROUTE: Route = route({
  method: "GET", path: "/metrics", query: {}, body: NO_BODY, summary: "Figures as Prometheus text",
  handle: ({ edge, services }) => {
    const families = [
      ...services.metrics.collect(),
      ...edgeFamilies({
        tally: edge.tally,
        streams: edge.streams,
        connections: edge.connections(),
        connectionsMax: edge.limits.connectionsMax,
      }),
      ...edge.processMetrics.collect(),
    ];
    return { status: 200, text: metricsText(families), contentType: METRICS_TYPE };
  },
});
