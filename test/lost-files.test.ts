// Every file of a state directory, lost or spoilt in every way: what a start makes of it, and doctor says the same.
//
// One row a file, one column a way. No outcome is a silent one: a start is refused with its reason, or it tells what it
// has found by an event, or nothing that anybody had is gone. Invariant: no record is lost but where a row says so.

import assert from "node:assert/strict";
import {
  mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import type { CodexdConfig } from "../src/core/config.ts";
import { ExitError } from "../src/core/errors.ts";
import { inspectDaemonFiles } from "../src/daemon-files.ts";
import { CodexdStateStore } from "../src/state-store.ts";
import { configure } from "./support/daemon-dir.ts";
import { copyTemplate, makeTemplate, SESSIONS, type Template } from "./support/state-template.ts";

const root = mkdtempSync(path.join(tmpdir(), "codexd-test-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** How the daemon before ended, and whether its journal still begins with the first event. */
const TEMPLATES = ["clean", "killed", "retained"] as const;
const templates = new Map<string, Template>();
before(async () => {
  for (const name of TEMPLATES) templates.set(name, await makeTemplate(path.join(root, name), name));
});

const WAYS = {
  missing: (file: string) => rmSync(file, { recursive: true }),
  empty: (file: string) => truncateSync(file),
  truncated: (file: string) => truncateSync(file, statSync(file).size - 7),
  foreign: (file: string) => writeFileSync(file, "Dear diary,\nthis is not yours.\n"),
  directory: (file: string) => {
    rmSync(file);
    mkdirSync(file);
  },
  link: (file: string) => {
    renameSync(file, `${file}.elsewhere`);
    symlinkSync(`${file}.elsewhere`, file);
  },
} as const;
type Way = keyof typeof WAYS;

/** What a start does: goes on without a word, goes on and tells so, or ends. */
type Outcome = "as it was" | RegExp | 65 | 78;
/** The same where records are lost to whoever accepts it; else a start keeps them all. */
type Row = readonly [template: (typeof TEMPLATES)[number], file: string, Partial<Record<Way, Outcome>>];

const REBUILT = /registry\.json was not there; it is rebuilt from the journal$/;
const ASIDE = /registry\.json could not be read; it is kept aside, and rebuilt from the journal$/;
const STATE_ASIDE = /^daemon-state\.json could not be read; it is kept aside/;
const GONE = /^events \d+ to \d+ are gone, or never were/;
const NO_REPLAY = /cannot be replayed$/;
const CUT = /^events\.jsonl was cut at byte \d+; what stood there is kept aside$/;
const LOST = /the records that the journal does not have any more are lost$/;
const OTHER = /^identity\.json was not there; this is another daemon from now on, dmn_/;

const checkpoint = (rebuilt: boolean): Partial<Record<Way, Outcome>> => ({
  missing: rebuilt ? REBUILT : 65, empty: rebuilt ? ASIDE : 65, truncated: rebuilt ? ASIDE : 65,
  foreign: rebuilt ? ASIDE : 65, directory: 78, link: 78,
});
const CHECKPOINTS = ["turn", "run", "approval", "answer"].map((kind) => `${kind}-registry.json`);
const STATE = {
  missing: GONE, empty: STATE_ASIDE, truncated: STATE_ASIDE, foreign: STATE_ASIDE, directory: 78, link: 78,
} as const;
const IDENTITY = { missing: OTHER, empty: 65, truncated: 65, foreign: 65, directory: 78, link: 78 } as const;

const ROWS: readonly Row[] = [
  ...TEMPLATES.map((template): Row => [template, "session-registry.json", checkpoint(template !== "retained")]),
  ...CHECKPOINTS.map((file): Row => ["clean", file, { missing: REBUILT, truncated: ASIDE }]),
  ...CHECKPOINTS.map((file): Row => ["retained", file, { missing: 65, truncated: 65 }]),
  ...TEMPLATES.map((template): Row => [template, "daemon-state.json", STATE]),
  ["clean", "identity.json", IDENTITY],
  ["killed", "identity.json", { missing: OTHER }],
  // All that stands in it stands in the checkpoints too.
  ["clean", "logs/events.jsonl", { missing: GONE, empty: GONE, truncated: CUT, foreign: CUT, directory: 78, link: 78 }],
  ["clean", "logs/old", {
    missing: "as it was", empty: NO_REPLAY, truncated: NO_REPLAY, foreign: NO_REPLAY, directory: 78, link: 78,
  }],
  ["clean", "logs/middle", {
    missing: NO_REPLAY, empty: NO_REPLAY, truncated: NO_REPLAY, foreign: NO_REPLAY, directory: 78, link: 78,
  }],
  ["killed", "logs/events.jsonl", {
    missing: GONE, empty: GONE, truncated: CUT, foreign: GONE, directory: 78, link: 78,
  }],
  ["clean", "logs", { missing: GONE }],
  // A view that is never read back.
  ["clean", "recent-events.json", { missing: "as it was", foreign: "as it was" }],
];

interface Start {
  readonly exitCode: number;
  readonly words: readonly string[];
  readonly sessions: number;
}

async function start(config: CodexdConfig, acceptLoss: boolean): Promise<Start> {
  const store = new CodexdStateStore(config, { acceptLoss });
  try {
    await store.open();
  } catch (error) {
    assert.ok(error instanceof ExitError, `a crash without an outcome: ${String(error)}`);
    return { exitCode: error.exitCode, words: [error.message], sessions: 0 };
  }
  try {
    const words: string[] = [];
    for await (const { type, message } of store.replay()) if (type === "storage.recovered") words.push(message);
    return { exitCode: 0, words, sessions: store.listSessions().length };
  } finally {
    await store.close();
  }
}

for (const [template, file, ways] of ROWS) {
  // Most of the time they wait for the disk.
  describe(`${file}, of a state directory that is ${template}`, { concurrency: 6 }, () => {
    for (const [way, outcome] of Object.entries(ways) as Array<[Way, Outcome]>) {
      test(`${way}: ${typeof outcome === "number" ? `ends with ${outcome}` : outcome}`, async () => {
        const { dir, nameOf } = copyTemplate(templates.get(template) as Template, mkdtempSync(path.join(root, "row-")));
        const victim = path.join(dir, "state", nameOf(file));
        WAYS[way](victim);
        const config = configure(dir);
        const { start: outlook, startAcceptingLoss, whole } = await inspectDaemonFiles(config);
        const told = await start(config, false);
        const exitCode = typeof outcome === "number" ? outcome : 0;
        assert.deepEqual([told.exitCode, outlook.exitCode], [exitCode, exitCode], told.words.join());
        if (exitCode !== 0) {
          assert.equal(outlook.message, told.words[0]);
          assert.ok(told.words[0]?.includes(path.basename(victim)), told.words[0]);
          assert.equal(whole, false);
        } else if (outcome === "as it was") assert.deepEqual(told.words, []);
        else {
          assert.ok(told.words.some((word) => (outcome as RegExp).test(word)), told.words.join());
          for (const word of told.words) {
            // The number is the daemon's own, and made anew at each look.
            const same = (repair: string): boolean => repair === `an event says: ${word}` || OTHER.test(word);
            assert.ok(outlook.repairs.some(same), `doctor has not said: ${word}`);
          }
        }
        if (exitCode === 0) assert.equal(told.sessions, SESSIONS, "no record is lost");
        if (exitCode !== 65 || file === "identity.json") return;
        assert.equal(startAcceptingLoss?.exitCode, 0);
        const accepted = await start(config, true);
        assert.equal(accepted.exitCode, 0);
        assert.ok(accepted.words.some((word) => LOST.test(word)), accepted.words.join());
        const again = await start(config, false);
        assert.deepEqual([again.exitCode, again.words.length], [0, accepted.words.length], "it is told once");
      });
    }
  });
}
