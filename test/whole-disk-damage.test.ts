// A whole daemon that is started on files which somebody has damaged, edited, or put something else in the place of.
//
// One daemon's directory goes through all of it: what a start refuses is put back, what it repairs stays repaired. The
// many small damages are tried in test/store; here is what a person sees: exit code, words, event, and what was kept.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { CodexdEvent } from "../src/core/event.ts";
import type { SessionRecord } from "../src/core/records.ts";
import { createSession, eventsOf, runTurn } from "./support/daemon-calls.ts";
import { spawnDaemon, type Daemon } from "./support/daemon.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const daemons = createWholeDaemons({ after });
const notRoot = process.getuid?.() === 0 ? false : "only root can give a directory away";

/** A daemon's directory with a session and a turn in it, and what can be done to it. */
function createVictim() {
  const fake = daemons.withFakeCodex();
  const options = { ...fake } as const;
  const at = (name: string): string => path.join(options.stateDir, name);
  return {
    at,
    sessionIds: [] as string[],
    async live(signal: NodeJS.Signals): Promise<void> {
      const daemon = await daemons.start(options);
      const session = await createSession(daemon);
      this.sessionIds.push(session.sessionId);
      await runTurn(daemon, session, "DELTAS=5");
      await daemon.kill(signal);
    },
    async refused(): Promise<{ code: number | null; words: string }> {
      const daemon = spawnDaemon(options);
      const { code } = await daemon.exited;
      return { code, words: daemon.stderr() };
    },
    /** Gives what it tells of the store at its start. */
    async starts(flags: readonly string[] = []): Promise<CodexdEvent[]> {
      const daemon = await daemons.start({ ...options, flags: [...(options.flags ?? []), ...flags] });
      const events = await eventsOf(daemon, "storage.*,daemon.started");
      assert.deepEqual((await idsOf(daemon)).sort(), this.sessionIds.sort(), "no record is lost");
      await daemon.kill("SIGTERM");
      const starts = events.flatMap(({ type }, i) => (type === "daemon.started" ? [i] : []));
      return events.slice((starts.at(-2) ?? -1) + 1, starts.at(-1));
    },
  };
}

async function idsOf(daemon: Daemon): Promise<string[]> {
  const { data } = await daemon.get<{ sessions: SessionRecord[] }>("/v1/codexd/sessions");
  return data.sessions.map(({ sessionId }) => sessionId);
}

/** Where the line in the middle begins. */
function middleOf(file: string): number {
  const bytes = readFileSync(file);
  return bytes.indexOf("\n", bytes.length >> 1) + 1;
}

function edit(file: string, change: (bytes: Buffer) => Buffer | string): void {
  writeFileSync(file, change(readFileSync(file)));
}

const JOURNAL = "logs/events.jsonl";

describe("after an orderly end the checkpoints stand for all of the journal", () => {
  const victim = createVictim();
  const { at } = victim;
  before(() => victim.live("SIGTERM"));

  for (const [what, spoil, words] of [
    ["a truncated checkpoint and a daemon-state.json that is no JSON", () => {
      truncateSync(at("session-registry.json"), statSync(at("session-registry.json")).size >> 1);
      writeFileSync(at("daemon-state.json"), "{oops");
    }, [
      /^session-registry\.json could not be read; it is kept aside, and rebuilt from the journal$/,
      /^daemon-state\.json could not be read; it is kept aside/,
    ]],
    ["a flipped byte in the journal and a newline that is gone", () => edit(at(JOURNAL), (bytes) => {
      const middle = middleOf(at(JOURNAL));
      bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20);
      return Buffer.concat([bytes.subarray(0, middle - 1), bytes.subarray(middle)]);
    }), [
      /^events\.jsonl is damaged at byte 0; the records are whole, some events cannot be replayed$/,
      /^events\.jsonl is damaged at byte [1-9]\d+; the records are whole/,
    ]],
    ["a journal that is gone", () => rmSync(at(JOURNAL)), [/^events \d+ to \d+ are gone/]],
    ["a checkpoint that was laid out anew, with files and directories open to others,", () => {
      edit(at("session-registry.json"), (bytes) => JSON.stringify(JSON.parse(bytes.toString("utf8")), null, 2));
      for (const [name, mode] of [["session-registry.json", 0o666], [JOURNAL, 0o644], [".", 0o755]] as const) {
        chmodSync(at(name), mode);
      }
    }, []],
  ] as ReadonlyArray<readonly [string, () => void, readonly RegExp[]]>) {
    test(`${what} ${words.length === 0 ? "is taken as it is" : "is told, and costs no record"}`, async () => {
      spoil();
      const told = (await victim.starts()).filter(({ type }) => type === "storage.recovered");
      if (words.length === 0) assert.deepEqual(told, []);
      for (const word of words) assert.ok(told.some(({ message }) => word.test(message)), JSON.stringify(told));
      for (const { detail } of told) {
        for (const aside of (detail["setAside"] as string[] | undefined) ?? []) assert.ok(statSync(at(aside)).size > 0);
      }
      assert.deepEqual([at("."), at(JOURNAL)].map((name) => statSync(name).mode & 0o777), [0o700, 0o600]);
    });
  }

  for (const [what, file, code, spoil, words] of [
    ["an identity.json that is empty", "identity.json", 65, (name) => truncateSync(name),
      /does not hold an identity; remove it to become a new daemon/],
    ["a directory in the place of a checkpoint", "turn-registry.json", 78, (name) => mkdirSync(name),
      /no regular file/],
    ["a FIFO in the place of a checkpoint", "run-registry.json", 78, (name) => execFileSync("mkfifo", [name]),
      /no regular file/],
    ["a link in the place of the journal", JOURNAL, 78, (name) => symlinkSync("/dev/null", name), /symbolic link/],
    ["a token that others can read", "token", 78, (name) => {
      writeFileSync(name, "x");
      chmodSync(name, 0o644);
    }, /it is open to others/],
  ] as ReadonlyArray<readonly [string, string, number, (name: string) => void, RegExp]>) {
    test(`${what} stops the start with ${code}, named, and is left as it is`, async () => {
      const kept = at("kept");
      if (file === "identity.json") copyFileSync(at(file), kept);
      else renameSync(at(file), kept);
      spoil(at(file));
      const refused = await victim.refused();
      assert.equal(refused.code, code, refused.words);
      assert.match(refused.words, words);
      assert.ok(refused.words.includes(at(file)), refused.words);
      rmSync(at(file), { recursive: true });
      renameSync(kept, at(file));
    });
  }

  test("a state directory of another user is refused [attack state-foreign]", { skip: notRoot }, async () => {
    chownSync(at("."), 65_534, 65_534);
    const { code, words } = await victim.refused();
    chownSync(at("."), 0, 0);
    assert.deepEqual([code, /belongs to the user with id 65534, not to this one/.test(words)], [78, true]);
    await victim.starts();
  });
});

describe("after a kill the journal is ahead of the checkpoints", () => {
  const victim = createVictim();
  const journal = victim.at(JOURNAL);
  before(async () => {
    await victim.live("SIGTERM");
    await victim.live("SIGKILL");
  });

  test("a flipped byte stops the start with 65 and says where; --accept-loss cuts there, and keeps it", async () => {
    // The last line but one: behind it only the end of the turn is lost, which the restart ends anew.
    const lines = readFileSync(journal, "utf8").split("\n");
    const offset = Buffer.byteLength(lines.slice(0, -3).join("\n")) + 1;
    edit(journal, (bytes) => {
      bytes.writeUInt8(bytes.readUInt8(offset + 20) ^ 1, offset + 20);
      return bytes;
    });
    const { code, words } = await victim.refused();
    assert.equal(code, 65, words);
    assert.match(words, new RegExp(`${journal} is damaged at byte ${offset} \\(events \\d+ to \\d+ are missing\\)`));
    assert.match(words, /restore the file, or `codexd start --accept-loss`/);
    const told = await victim.starts(["--accept-loss"]);
    const cut = told.find(({ message }) => message.startsWith(`events.jsonl was cut at byte ${offset}`));
    const [aside = ""] = cut?.detail["setAside"] as string[];
    assert.equal(statSync(victim.at(`logs/${aside}`)).size, Buffer.byteLength(lines.slice(-3).join("\n")));
    assert.ok(told.some(({ message }) => /^events \d+ to \d+ are gone/.test(message)));
  });
});
