// `GET /metrics`: what the edge counts of itself, beside what the services give.
//
// The figures of services and process are tested with them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { METRICS_TYPE } from "../../src/http/metrics-text.ts";
import { single } from "../../src/service/status/metrics.ts";
import { startEdge, TOKEN, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { readPrometheus, type ReadFamily } from "../support/prometheus.ts";
import { openRaw, requestBytes } from "../support/raw-http.ts";
import { connectWs } from "../support/ws-client.ts";

async function scrape(edge: EdgeUnderTest): Promise<ReadonlyMap<string, ReadFamily>> {
  const reply = await edge.ask({ path: "/metrics" });
  assert.deepEqual([reply.status, reply.headers["content-type"]], [200, METRICS_TYPE]);
  assert.equal(reply.headers["x-content-type-options"], "nosniff");
  return readPrometheus(reply.body);
}

function valueOf(families: ReadonlyMap<string, ReadFamily>, name: string, labels = ""): number | undefined {
  return families.get(name)?.samples.get(labels);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

test("a scraper needs the token, and gets all that is measured", async (t) => {
  const edge = await startEdge(t);
  edge.services.families = [single("made_up_total", "counter", "Made up.", 7)];
  assert.equal((await edge.askPlain({ path: "/metrics" })).status, 401);
  const families = await scrape(edge);
  assert.equal(valueOf(families, "made_up_total"), 7);
  for (const name of ["process_resident_memory_bytes", "process_start_time_seconds", "codexd_http_connections"]) {
    assert.ok(families.has(name), name);
  }
});

test("answers are counted by class, refusals by code, and no caller can make up a label", async (t) => {
  const edge = await startEdge(t);
  await edge.ask({ path: "/healthz" });
  await edge.ask({ path: "/nowhere-that-is" });
  await edge.askPlain({ path: "/v1/codexd/status" });
  edge.services.failures.set("sessions.list", new Error("a bug"));
  await edge.ask({ path: "/v1/codexd/sessions" });
  const families = await scrape(edge);
  const requests = [...(families.get("codexd_http_requests_total")?.samples ?? [])];
  assert.deepEqual(requests, [['status="1xx"', 0], ['status="2xx"', 1], ['status="4xx"', 2], ['status="5xx"', 1]]);
  assert.deepEqual([...(families.get("codexd_http_refusals_total")?.samples ?? [])], [
    ['error="not_found"', 1], ['error="unauthorized"', 1], ['error="internal_error"', 1],
  ]);
});

test("open streams and connections are counted, upgrades are answers too", async (t) => {
  const edge = await startEdge(t);
  const upgrade = [
    ["Connection", "Upgrade"], ["Upgrade", "websocket"], ["Sec-WebSocket-Version", "13"],
    ["Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="],
  ] as const;
  const open = [
    edge.open({ path: "/v1/codexd/events", headers: upgrade }),
    edge.open({ path: "/v1/codexd/events?format=ndjson" }),
    openRaw(edge.unix, requestBytes("codexd", { path: "/v1/codexd/events?format=sse" })),
  ];
  for (const connection of open) await connection.until((text) => text.includes("\r\n\r\n"));
  const families = await scrape(edge);
  for (const form of ["websocket", "ndjson", "sse"]) {
    assert.equal(valueOf(families, "codexd_streams", `form="${form}"`), 1, form);
  }
  // The scrape has a connection of its own.
  assert.equal(valueOf(families, "codexd_http_connections", 'transport="tcp"'), 3);
  assert.equal(valueOf(families, "codexd_http_connections", 'transport="unix"'), 1);
  assert.equal(valueOf(families, "codexd_http_connections_limit", 'transport="tcp"'), 256);
  assert.equal(valueOf(families, "codexd_http_requests_total", 'status="1xx"'), 1);
  assert.equal(valueOf(families, "codexd_http_requests_total", 'status="2xx"'), 2);
  for (const { socket } of open) socket.destroy();
  await until(async () => valueOf(await scrape(edge), "codexd_streams", 'form="websocket"') === 0);
});

test("a WebSocket that is closed with 1013 is one that was cut off", async (t) => {
  const edge = await startEdge(t);
  edge.services.events.ready = new Promise(() => undefined);
  const client = await connectWs({ port: edge.port, path: "/v1/codexd/events", token: TOKEN });
  for (let i = 0; i <= LIMITS.wsEarlyMessagesMax; i += 1) client.send({ type: "ping" });
  assert.equal((await client.closed).code, 1013);
  await until(async () => valueOf(await scrape(edge), "codexd_stream_cutoffs_total", 'form="websocket"') === 1);
  client.destroy();
});

test("a reader that is cut off is counted by its form", async (t) => {
  const edge = await startEdge(t, { limits: { streamHardBytes: 2 ** 20 } });
  for (const form of ["ndjson", "sse"] as const) {
    const slow = edge.open({ path: `/v1/codexd/events?format=${form}` });
    await slow.until((text) => text.includes("\r\n\r\n"));
    slow.socket.pause();
    await until(() => {
      edge.services.events.publish({ message: "x".repeat(512 * 1024) });
      return edge.services.events.openCount === 0;
    });
    slow.socket.destroy();
  }
  const families = await scrape(edge);
  for (const form of ["ndjson", "sse"]) {
    assert.equal(valueOf(families, "codexd_stream_cutoffs_total", `form="${form}"`), 1, form);
  }
  assert.equal(valueOf(families, "codexd_stream_cutoffs_total", 'form="websocket"'), 0);
  assert.ok(!(await edge.ask({ path: "/metrics" })).body.includes(TOKEN));
});
