// The input of a turn: which field an error names, how texts are counted, and what steering may not carry.
// The decoders' own shapes are tested with the routes that use them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DecodeError } from "../../../src/base/decode.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import type { StartTurnInput } from "../../../src/core/requests.ts";
import { inputItems } from "../../../src/service/turns/input-items.ts";
import { createServiceRig } from "../../support/service-rig.ts";

const MOST = LIMITS.inputTextCharsMax;

function refusalOf(input: Omit<StartTurnInput, "sessionId">): [string, string] {
  try {
    inputItems({ sessionId: "s", ...input });
  } catch (error) {
    assert.ok(error instanceof DecodeError);
    return [error.path, error.message];
  }
  return assert.fail("it was taken");
}

test("an error names the field that was given", () => {
  const long = "x".repeat(MOST + 1);
  const problem = `must be at most ${MOST} characters, got ${MOST + 1}`;
  assert.deepEqual(refusalOf({ prompt: long }), ["prompt", `prompt: ${problem}`]);
  assert.deepEqual(refusalOf({ input: long }), ["input", `input: ${problem}`]);
  const items = [{ type: "text", text: "a" }, { type: "text", text: long }];
  assert.deepEqual(refusalOf({ input: items }), ["input[1].text", `input[1].text: ${problem}`]);
  assert.equal(refusalOf({ prompt: [{ text: "a" }] as never })[0], "input[0].type");
  assert.equal(refusalOf({ prompt: "a", input: "b" })[0], "prompt");
  assert.equal(refusalOf({})[0], "input");
});

test("characters are counted as Codex counts them, on both sides of the limit", () => {
  // One character each, which JavaScript keeps as two.
  const exact = "😀".repeat(MOST);
  assert.deepEqual(inputItems({ sessionId: "s", prompt: exact }), [{ type: "text", text: exact }]);
  assert.match(refusalOf({ prompt: `${exact}😀` })[1], new RegExp(`got ${MOST + 1}$`));
  assert.match(refusalOf({ prompt: `${"😀".repeat(MOST - 1)}ab` })[1], new RegExp(`got ${MOST + 1}$`));
});

test("an item of another type may have no text, and one that it has is counted", () => {
  const image = { type: "image", url: "data:image/gif;base64,R0lGODlh" };
  assert.deepEqual(inputItems({ sessionId: "s", input: [image] }), [image]);
  assert.equal(refusalOf({ input: [{ ...image, text: "x".repeat(MOST + 1) }] })[0], "input[0].text");
});

test("steering takes no settings: each is refused by its name, and nothing is sent", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  await rig.start(sessionId);
  const overrides: Array<Partial<StartTurnInput>> = [
    { model: "m" }, { effort: "high" }, { cwd: "/x" }, { approvalPolicy: "never" }, { sandboxPolicy: {} },
    { summary: "auto" }, { serviceTier: "fast" }, { personality: "p" }, { collaborationMode: "plan" },
    { outputSchema: {} },
  ];
  for (const override of overrides) {
    const [name] = Object.keys(override);
    for (const how of [{ expectedTurnId: "turn-1" }, { whenBusy: "steer" }] as const) {
      await assert.rejects(rig.start(sessionId, { ...override, ...how }), { name: "DecodeError", path: name });
    }
  }
  assert.equal(rig.codex.asked.at(-1)?.method, "turnStart");
  await rig.start(sessionId, { expectedTurnId: "turn-1", waitMs: 0 });
  assert.equal(rig.codex.asked.at(-1)?.method, "turnSteer");
});
