// Kill torture of a whole daemon: twenty kills of the thousands that `npm run soak torture` makes.
//
// What is tried at which moments stands in support/torture.ts. On `dist`, which starts in a fraction of the time that
// the sources take. The seed is fixed, what the machine does to the moments is not: a failure says where it happened.

import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";
import { makeTempDir } from "./support/temp-dir.ts";
import { createTorture } from "./support/torture.ts";

const KILLS = 10;

// At the same time: a start mostly waits.
describe("kill -9 at any moment", { concurrency: true }, () => {
  for (const seed of [1, 2]) {
    test(`${KILLS} kills lose nothing that was told, seed ${seed}`, async (t) => {
      const torture = createTorture({ stateDir: path.join(makeTempDir(t), "state"), seed });
      for (let i = 0; i < KILLS; i++) {
        const { meant, hit, problems } = await torture.kill();
        assert.deepEqual(problems, [], `kill ${i + 1} of seed ${seed}, meant for ${meant}, fell on ${hit}`);
      }
      assert.deepEqual(await torture.end(), []);
      assert.ok(torture.counts.told > 0 && torture.counts.answered > 0, JSON.stringify(torture.counts));
    });
  }
});
