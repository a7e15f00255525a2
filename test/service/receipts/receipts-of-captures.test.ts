// Every transcript that holds a turn, played through the services: what must be true of each of its receipts, read
// off the transcript by other means than the services'.
//
// Ten of them are spelled out field by field in receipts-of-work.test.ts and receipts-of-trouble.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { TurnRecord } from "../../../src/core/records.ts";
import { CAPTURES } from "../../support/captures.ts";
import { readLines, replayCapture } from "../../support/replay.ts";

/** But for one that begins in the middle of a turn, which another client has started. */
const PLAYED = CAPTURES.filter((name) => name !== "ws-midstream-b");

interface Item {
  readonly id: string;
  readonly type: string;
  readonly status?: string;
  readonly text?: string;
  readonly command?: string;
  readonly exitCode?: number | null;
  readonly changes?: ReadonlyArray<{ readonly path: string }>;
}

interface Said {
  readonly method: string;
  readonly threadId: string;
  readonly turnId: string;
  readonly item: Item | undefined;
  readonly turn: { readonly id: string; readonly status: string; readonly items: readonly Item[] } | undefined;
}

/** What Codex notified, by the turn that it is about. */
function said(name: (typeof CAPTURES)[number]): Said[] {
  const notifications = readLines(name).filter(({ dir, msg }) => dir === "in" && msg.id === undefined);
  return notifications.map(({ msg }) => {
    const { threadId, turnId, item, turn } = (msg.params ?? {}) as unknown as Said;
    return { method: msg.method ?? "", threadId, turnId: turnId ?? turn?.id ?? "", item, turn };
  });
}

function ofTurn(all: readonly Said[], turn: TurnRecord): Said[] {
  return all.filter(({ threadId, turnId }) => threadId === turn.threadId && turnId === turn.turnId);
}

function finalMessage(own: readonly Said[]): string | null {
  const messages = own.flatMap(({ method, item, turn }) =>
    [...(method === "item/completed" && item !== undefined ? [item] : []), ...(turn?.items ?? [])]);
  return messages.findLast(({ type }) => type === "agentMessage")?.text ?? null;
}

for (const name of PLAYED) {
  test(`${name}: each turn ends once and as Codex says, with its last message and its work [trap 3.2.3]`, async () => {
    const all = said(name);
    const { rig, turns } = await replayCapture(name);
    assert.ok(turns.length > 0);
    const finished = rig.store.events.filter(({ type }) => type === "turn.finished");
    assert.deepEqual(
      finished.map(({ detail }) => detail.turnId).sort(),
      turns.filter(({ status }) => status !== "inProgress").map(({ turnId }) => turnId).sort(),
    );
    for (const turn of turns) {
      const own = ofTurn(all, turn);
      const end = own.find(({ method }) => method === "turn/completed")?.turn;
      assert.equal(turn.status, end?.status ?? "inProgress");
      if (end === undefined) continue;
      assert.equal(turn.finalMessage, finalMessage(own));
      for (const count of Object.values(turn.tokenUsage ?? {})) assert.ok(count >= 0);
      const ends = own.filter(({ method }) => method === "item/completed").map(({ item }) => item);
      const done = ends.filter((item) => item?.type === "fileChange" && item.status === "completed");
      assert.deepEqual(
        turn.fileChanges.map(({ path }) => path), done.flatMap((item) => item?.changes?.map(({ path }) => path)),
      );
      const exits = ends.filter((item) => item?.type === "commandExecution").map((item) => item?.exitCode ?? null);
      const told = turn.commands.map(({ exitCode }) => exitCode).filter((code) => code !== null);
      assert.deepEqual(told.sort(), exits.filter((code) => code !== null).sort());
      assert.equal(turn.liveness, null);
      assert.equal(turn.approvals.some(({ approvalId }) => approvalId === ""), false);
    }
  });
}

test("every turn that was started in a transcript and has ended there has a receipt", async () => {
  for (const name of PLAYED) {
    const { turns, rig } = await replayCapture(name);
    const threads = new Set([...rig.store.tables.session.newestFirst()].map(({ threadId }) => threadId));
    const own = said(name).filter(({ threadId }) => threads.has(threadId));
    const begun = new Set(own.filter(({ method }) => method === "item/started").map(({ turnId }) => turnId));
    const ended = own.filter(({ method, turnId }) => method === "turn/completed" && begun.has(turnId));
    const wanted = ended.map(({ turnId }) => turnId).filter((turnId) => turnId !== "");
    assert.deepEqual(wanted.filter((turnId) => !turns.some((turn) => turn.turnId === turnId)), [], name);
  }
});
