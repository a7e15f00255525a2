// What a queued turn names and what has gone while it waited: it fails with the field's name before Codex is asked,
// for Codex would tell the model alone, and the next one goes on.

import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { StartTurnInput } from "../../../src/core/requests.ts";
import { settle } from "../../support/fake-clock.ts";
import { createServiceRig, type ServiceRig } from "../../support/service-rig.ts";
import { makeTempDir } from "../../support/temp-dir.ts";

const UPLOAD = { type: "localImage", uploadId: "upl_1" };

for (const [what, name, refusal] of [
  ["an upload", "a.png", /^input\[1\]\.path: must be an existing file that can be read/],
  ["a directory", "sub", /^cwd: must be an existing directory/],
] as const) {
  for (const stays of [true, false]) {
    test(`${what} that ${stays ? "is still there" : "has gone"}`, async (t) => {
      const dir = makeTempDir(t);
      const file = path.join(dir, "a.png");
      const cwd = path.join(dir, "sub");
      writeFileSync(file, "x");
      mkdirSync(cwd);
      const rig = createServiceRig();
      const { sessionId, threadId } = await rig.session();
      rig.uploaded.set(`${sessionId}/upl_1`, file);
      await rig.start(sessionId);
      const first = await queue(rig, sessionId, { input: [{ type: "text", text: "1" }, UPLOAD], cwd });
      const second = await queue(rig, sessionId, { input: "2" });
      if (!stays) rmSync(path.join(dir, name), { recursive: true });
      rig.sayTurn(threadId, "turn-1", "done");
      await untilBegun(rig, stays ? first : second);
      const { status, error, turnId } = await rig.turns.get(first, 0);
      assert.deepEqual([status, turnId], stays ? ["inProgress", "turn-2"] : ["failed", null]);
      if (!stays) assert.equal(error?.reason, "bad_request");
      if (!stays) assert.match(error?.message ?? "", refusal);
    });
  }
}

test("elsewhere there is nothing to be looked at", async () => {
  const rig = createServiceRig({ remote: true });
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  const input = [{ type: "localImage", path: "/elsewhere/a.png" }];
  const queued = await queue(rig, sessionId, { input, cwd: "/elsewhere" });
  rig.sayTurn(threadId, "turn-1", "done");
  await untilBegun(rig, queued);
  assert.deepEqual(rig.codex.asked.at(-1)?.params["input"], input);
});

async function queue(rig: ServiceRig, sessionId: string, input: Omit<StartTurnInput, "sessionId">): Promise<string> {
  const { submissionId } = await rig.turns.start({ sessionId, whenBusy: "queue", ...input });
  return submissionId ?? "";
}

/** The file system answers in its own time. */
async function untilBegun(rig: ServiceRig, submissionId: string): Promise<void> {
  while ((await rig.turns.get(submissionId, 0)).turnId === null) await settle();
}
