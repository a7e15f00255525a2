// A run's output followed over cuts: every byte once, no character in two.
//
// The daemon is made up here, so that it breaks off where it should.

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test, type TestContext } from "node:test";
import { createCodexdClient } from "../../src/client/client.ts";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { answerJson, startFakeDaemon } from "../support/cli-daemon.ts";

const hurried: Clock = {
  ...systemClock,
  after(ms, fn) {
    if (ms >= 10_000) return { cancel: () => undefined };
    const handle = setImmediate(fn);
    return { cancel: () => clearImmediate(handle) };
  },
};

/** A run whose status is what `status` says, and whose output is what `output` does. */
async function runOn(t: TestContext, status: () => string, output: (after: number, response: ServerResponse) => void) {
  const daemon = await startFakeDaemon(t, null, ({ url }, response) => {
    const { pathname, searchParams } = new URL(url, "http://x");
    if (pathname.endsWith("/output")) output(Number(searchParams.get("after")), response);
    else answerJson(response, 200, { ok: true, data: { run: { runId: "r", status: status() } } });
  });
  const client = createCodexdClient({ baseUrl: daemon.baseUrl, clock: hurried });
  t.after(() => client.close());
  return { client, daemon };
}

async function textOf(parts: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const part of parts) text += part;
  return text;
}

test("has every byte once, wherever it breaks off, and ends with the run", async (t) => {
  const whole = Buffer.from("\ufeffhéllo wörld €\n".repeat(20));
  let at = 0;
  const status = (): string => (at === whole.length ? "completed" : "running");
  const { client, daemon } = await runOn(t, status, (after, response) => {
    at = Math.min(after + 7, whole.length);
    response.write(whole.subarray(after, at));
    // Now and then in order, as by a daemon that stops.
    if (after % 2 === 0) response.end();
    else response.write("", () => (at === whole.length ? response.end() : response.destroy()));
  });
  assert.equal(await textOf(client.followRunOutput("r", { stream: "stdout" })), whole.toString());
  assert.equal(daemon.seen[0]?.url, "/v1/codexd/runs/r/output?stream=stdout&after=0&follow=1");
});

test("that ends in half a character says so", async (t) => {
  const bytes = Buffer.from("aé").subarray(0, 2);
  const { client } = await runOn(t, () => "failed", (after, response) => response.end(bytes.subarray(after)));
  assert.equal(await textOf(client.followRunOutput("r")), "a\ufffd");
});

test("that is refused is an error", async (t) => {
  const refused = { ok: false, error: "not_found", message: "No." };
  const { client } = await runOn(t, () => "queued", (_, response) => answerJson(response, 404, refused));
  await assert.rejects(textOf(client.followRunOutput("r")), { code: "not_found" });
});

test("can be left while nothing comes", async (t) => {
  const { client } = await runOn(t, () => "running", (_, response) => void response.write("a"));
  const output = client.followRunOutput("r", { after: 3 });
  assert.equal((await output.next()).value, "a");
  const pending = output.next();
  await output.return?.();
  assert.equal((await pending).done, true);
  const stop = new AbortController();
  const other = client.followRunOutput("r", { signal: stop.signal });
  await other.next();
  stop.abort(new Error("enough"));
  await assert.rejects(other.next(), { message: "enough" });
});
