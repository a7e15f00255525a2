// A whole daemon on a disk that fails for good: a sync that fails, a file system that turns read-only.
//
// Real ones, in a mount namespace: ext4 in a file for which its own disk has no room (what was written cannot reach the
// medium), and ext4 that meets an error and goes read-only by itself. Those two need the machine's root.

import assert from "node:assert/strict";
import { appendFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { SessionRecord } from "../src/core/records.ts";
import { createSession } from "./support/daemon-calls.ts";
import { spawnDaemon, type Daemon, type DaemonOptions } from "./support/daemon.ts";
import { readJournal } from "./support/journal-reader.ts";
import { openMountSpace, whyNoLoops, whyNoMounts, type MountSpace } from "./support/mount-space.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const noMounts = whyNoMounts();
const skip = noMounts ?? false;
const skipLoop = noMounts ?? whyNoLoops() ?? false;
const daemons = createWholeDaemons({ after });
let space: MountSpace;
after(() => space?.close());

before(async () => {
  if (skip === false) space = await openMountSpace();
});

function inSpace(): DaemonOptions {
  return { ...daemons.withAgent(), within: space.within };
}

/** Mounts an ext4 of 16 MiB that lies in a file on a small disk; gives the directory of that disk. */
function mountInFile(directory: string): string {
  const below = daemons.makeStateDir();
  space.mountSmall(below, "3m");
  const image = path.join(below, "image");
  space.run("truncate", "-s", "16m", image);
  space.run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", image);
  space.run("mount", "-o", "loop,errors=remount-ro", image, directory);
  space.run("chmod", "700", directory);
  return below;
}

/** Not as long as a file in it is open to be written. */
async function remountReadOnly(directory: string): Promise<void> {
  for (;;) {
    try {
      space.run("mount", "-o", "remount,bind,ro", directory);
      return;
    } catch (error) {
      assert.match(String(error), /busy/);
      await setTimeout(10);
    }
  }
}

function fill(file: string): void {
  try {
    for (;;) appendFileSync(file, Buffer.alloc(4096));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  }
}

async function sessionsOf(daemon: Daemon): Promise<string[]> {
  const { data } = await daemon.get<{ sessions: SessionRecord[] }>("/v1/codexd/sessions?limit=1000");
  return data.sessions.map(({ sessionId }) => sessionId);
}

/** Makes sessions until the daemon takes no more; gives those that it has acknowledged. */
async function createUntilItEnds(daemon: Daemon): Promise<string[]> {
  const made: string[] = [];
  const metadata = { text: "x".repeat(3000) };
  for (;;) {
    const reply = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions", { metadata }).catch(() => null);
    if (reply?.status !== 201) return made;
    made.push(reply.data.session.sessionId);
  }
}

test("a failed sync is final: 74, nothing acknowledged is lost [attack fsync-error]", { skip: skipLoop }, async () => {
  const options = { ...inSpace(), flags: ["--durability", "power"] };
  const filler = space.outside(path.join(mountInFile(options.stateDir), "filler"));
  const daemon = await daemons.start(options);
  fill(filler);
  const made = await createUntilItEnds(daemon);
  assert.deepEqual(await daemon.exited, { code: 74, signal: null });
  assert.match(daemon.stderr(), /so codexd ends reason="the disk failed: sync: .*'.*events\.jsonl'"/);

  rmSync(filler);
  const again = await daemons.start(options);
  const found = new Set(await sessionsOf(again));
  assert.deepEqual(made.filter((sessionId) => !found.has(sessionId)), []);
  await again.kill("SIGTERM");
  assert.deepEqual(readJournal(space.outside(path.join(options.stateDir, "logs"))).problems, []);
});

test("a file system that turns read-only by an error is 74 [attack disk-read-only]", { skip: skipLoop }, async (t) => {
  const options = inSpace();
  mountInFile(options.stateDir);
  const device = space.run("findmnt", "-n", "-o", "SOURCE", options.stateDir).trim();
  const trigger = `/sys/fs/ext4/${path.basename(device)}/trigger_fs_error`;
  if (!existsSync(trigger)) return t.skip("this kernel does not break an ext4 on request");
  const daemon = await daemons.start(options);
  await createSession(daemon);
  writeFileSync(trigger, "1");
  await createUntilItEnds(daemon);
  assert.deepEqual(await daemon.exited, { code: 74, signal: null });
  assert.match(daemon.stderr(), /the disk failed: EROFS: read-only file system, \w+/);

  const refused = spawnDaemon(options);
  assert.deepEqual(await refused.exited, { code: 78, signal: null });
  assert.match(refused.stderr(), new RegExp(`^codexd: .*${options.stateDir}.*read-only file system`, "m"));
  space.run("umount", options.stateDir);
});

test("a state directory that is made read-only ends it without loss [attack disk-read-only]", { skip }, async () => {
  const options = inSpace();
  const logs = daemons.makeStateDir();
  space.mountSmall(options.stateDir, "2m");
  space.mountSmall(logs, "2m");
  const flags = ["--logs-dir", logs];
  const daemon = await daemons.start({ ...options, flags });
  const { sessionId } = await createSession(daemon);
  await remountReadOnly(options.stateDir);
  // A change that a checkpoint must be written for; it may come too late to be taken.
  const late = await daemon.post<{ session?: SessionRecord }>("/v1/codexd/sessions").catch(() => null);
  assert.deepEqual(await daemon.exited, { code: 74, signal: null });
  // A registry as a rule; what of the daemon's state is just being replaced in that moment fails before it.
  assert.match(daemon.stderr(), /the disk failed: EROFS: read-only file system, \w+ '.*(-registry|-state)\.json/);

  const refused = spawnDaemon({ ...options, flags });
  assert.deepEqual(await refused.exited, { code: 78, signal: null });
  assert.match(refused.stderr(), /EROFS: read-only file system/);
  space.run("mount", "-o", "remount,bind,rw", options.stateDir);
  const again = await daemons.start({ ...options, flags });
  const lateId = late?.status === 201 ? late.data.session?.sessionId : undefined;
  assert.deepEqual(await sessionsOf(again), lateId === undefined ? [sessionId] : [lateId, sessionId]);
});
