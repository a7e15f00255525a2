// --idempotency-key of run and send: the keys that go out, and what a repetition prints and exits with.
//
// The daemon is a list of answers; that it does nothing twice is shown with a whole one (whole-send.test.ts).

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import path from "node:path";
import { describe, test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { answerJson, type SeenRequest } from "../support/cli-daemon.ts";
import { commandsOn, streamOf, type Answers } from "../support/cli-answers.ts";
import { agent, finished, receipt, sendAnswers } from "../support/send-answers.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const keysOf = (seen: readonly SeenRequest[]) => {
  return seen.filter(({ method }) => method === "POST").map(({ headers }) => headers["idempotency-key"]);
};
const afterOf = (seen: readonly SeenRequest[]) => {
  const { url = "" } = seen.find(({ url }) => url.includes("format=ndjson")) ?? {};
  return new URL(url, "http://x").searchParams.get("after");
};
const run = (changes: Record<string, unknown> = {}) => {
  return { run: { runId: "run_1", status: "queued", error: null, firstSeq: null, ...changes } };
};
/** A stream that is asked for behind what is kept, the first time. */
const withGap = () => {
  let asked = 0;
  return (response: ServerResponse, request: SeenRequest): void => {
    asked += 1;
    if (asked > 1) return streamOf()(response);
    const detail = { oldestSeq: 8 };
    answerJson(response, 410, { ok: false, error: "cursor_expired", message: request.url, detail });
  };
};

describe("run --idempotency-key", () => {
  test("goes with the request, and a run that goes on is followed from its start", async (t) => {
    const message = { id: "i1", type: "agent_message", text: "Hello" };
    const { command, daemon } = await commandsOn(t, {
      "POST /runs": run(),
      "GET /runs/run_1": run({ status: "completed", firstSeq: 5 }),
      "GET /events": streamOf(
        { type: "run.item", detail: { runId: "run_1", itemEvent: "item.completed", item: message } },
        { type: "run.completed", detail: { runId: "run_1" } }),
    });
    const { code, out, err } = await command(["run", "x", "--idempotency-key", "nightly"]);
    assert.deepEqual([code, out, err], [0, "Hello\n", "codexd: run_1 is completed\n"]);
    assert.deepEqual([keysOf(daemon.seen), afterOf(daemon.seen)], [["nightly"], "4"]);
  });

  test("ends with a run whose events have gone, and with one that never started", async (t) => {
    for (const [ended, code] of [
      [{ status: "completed", firstSeq: 5 }, 0], [{ status: "cancelled" }, 1],
    ] as const) {
      const { command } = await commandsOn(t, {
        "POST /runs": run(), "GET /runs/run_1": run(ended), "GET /events": withGap(),
      });
      const outcome = await command(["run", "x", "--idempotency-key", "k"]);
      assert.equal(outcome.code, code, outcome.err);
    }
  });
});

describe("send --idempotency-key", () => {
  test("makes a key for each of its requests, and follows the turn from its start", async (t) => {
    const cwd = makeTempDir(t);
    for (const name of ["a.png", "b.png"]) writeFileSync(path.join(cwd, name), name);
    const { command, daemon } = await commandsOn(t, {
      ...sendAnswers(agent.completed("m1", "Hello"), finished()),
      "POST /uploads": { upload: { path: "/uploaded" } },
      "GET /turns/sub_1": receipt({ firstSeq: 3 }),
    });
    const images = ["--image", "a.png", "--image", "b.png"];
    const { code, out } = await command(["send", "x", ...images, "--idempotency-key", "k"], { cwd });
    assert.deepEqual([code, out], [0, "Hello\n"]);
    assert.deepEqual(keysOf(daemon.seen), ["k.session", "k.image-1", "k.image-2", "k.turn"]);
    assert.equal(afterOf(daemon.seen), "2");
  });

  test("sends none, and follows from now on, where it is not given", async (t) => {
    const { command, daemon } = await commandsOn(t, sendAnswers(finished()));
    assert.equal((await command(["send", "x"])).code, 0);
    assert.deepEqual([keysOf(daemon.seen), afterOf(daemon.seen)], [[undefined, undefined], "10"]);
  });

  test("says that the command can be repeated where the answer has not come", async (t) => {
    const cut: Answers = { ...sendAnswers(), "POST /turn": (response: ServerResponse) => void response.destroy() };
    for (const [flags, said] of [
      [[], /whether the turn runs is not known, codexd ps tells\n$/],
      [["--idempotency-key", "k"], /whether the turn runs is not known, the same command again goes on with it\n$/],
    ] as const) {
      const { command } = await commandsOn(t, cut);
      const { code, err } = await command(["send", "x", ...flags]);
      assert.equal(code, 1);
      assert.match(err, said);
    }
  });
});

test("a key that the API would not take is 64, and nobody has been asked", async (t) => {
  const { command, daemon } = await commandsOn(t, { ...sendAnswers(finished()), "GET /turns/sub_1": receipt() });
  const longest = "k".repeat(LIMITS.clientKeyCharsMax);
  for (const verb of ["send", "run"]) {
    for (const key of ["", "a b", "a\n", "ä", `${longest}k`]) {
      const { code, err } = await command([verb, "x", `--idempotency-key=${key}`]);
      assert.equal(code, 64, err);
      assert.match(err, /--idempotency-key takes 1 to 200 visible ASCII characters without a space, got "/);
    }
  }
  assert.deepEqual(daemon.seen, []);
  const { code, err } = await command(["send", "x", "--idempotency-key", longest]);
  assert.equal(code, 0, err);
  const most = Math.max(...keysOf(daemon.seen).map((key) => String(key).length)) + "image-999".length;
  assert.ok(most <= LIMITS.idempotencyKeyCharsMax);
});
