// Clients of every form of the event stream, cut at random while their daemon is killed and stopped: twenty cuts of the
// thousands that `npm run soak streams` makes; and what an old cursor means to a daemon on new state.
//
// What is tried at which moments stands in support/stream-world.ts. The seeds are fixed, what the machine does to the
// moments is not: a failure says where it happened.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import type { Daemon } from "./support/daemon.ts";
import { FORMS, type Told } from "./support/stream-parsers.ts";
import { visit } from "./support/stream-visit.ts";
import { runStreams } from "./support/stream-world.ts";
import { makeTempDir } from "./support/temp-dir.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const CUTS = 10;
const EVENTS = "/v1/codexd/events";

const daemons = createWholeDaemons({ after });

describe("clients that are cut and come back", { concurrency: true }, () => {
  for (const small of [false, true]) {
    const what = small ? "of a short journal" : "of a whole journal";
    test(`${CUTS} cuts: each has every event ${what} once and in order, or is told what is gone`, async (t) => {
      const root = path.join(makeTempDir(t), "world");
      const { cuts, kills, told, problems } = await runStreams({ root, seed: 7, cuts: CUTS, small });
      assert.deepEqual(problems, []);
      assert.ok(cuts >= CUTS && kills > 0 && told > 0, `${cuts} cuts, ${kills} kills, ${told} events`);
    });
  }
});

test("a cursor of state that was replaced is ahead of the journal, on each form, and the daemon another", async () => {
  const options = daemons.withAgent();
  const first = await daemons.start(options);
  for (let i = 0; i < 5; i += 1) await first.post("/v1/codexd/sessions");
  const old = await identity(first);
  await first.kill("SIGTERM");
  rmSync(options.stateDir, { recursive: true });
  const second = await daemons.start({ ...options, stateDir: daemons.makeStateDir() });
  const fresh = await identity(second);
  assert.notEqual(fresh.daemonId, old.daemonId);
  assert.ok(fresh.headSeq < old.headSeq);

  const { service, socketPath } = await second.started;
  const port = Number(new URL(service.resolvedBaseUrl).port);
  const door = { port, socketPath: socketPath ?? "", token: await second.token() };
  for (const form of FORMS) {
    for (const overUnix of [false, true]) {
      const told: Told[] = [];
      const byHeader = form === "sse" && overUnix;
      const target = `${EVENTS}?after=${byHeader ? 0 : old.headSeq}`;
      const headers = byHeader ? [`Last-Event-ID: ${old.headSeq}`] : [];
      await visit({ form, door, overUnix, target, headers, cut: { by: "daemon" }, told: (one) => told.push(one) });
      const [refused, ...more] = told;
      assert.ok(refused?.kind === "refused" && more.length === 0, form);
      assert.deepEqual([refused.status, refused.error], [409, "cursor_ahead"], form);
      // Its child may still be starting.
      const { headSeq } = refused.detail as { headSeq: number };
      assert.ok(headSeq >= fresh.headSeq && headSeq <= (await identity(second)).headSeq, `${form}: ${headSeq}`);
    }
  }
});

async function identity(daemon: Daemon): Promise<{ daemonId: string; headSeq: number }> {
  const { data: status } = await daemon.get<{ snapshot: { identity: { daemonId: string } } }>("/v1/codexd/status");
  const { data: page } = await daemon.get<{ headSeq: number }>(`${EVENTS}?limit=1`);
  return { daemonId: status.snapshot.identity.daemonId, headSeq: page.headSeq };
}
