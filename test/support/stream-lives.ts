// One daemon after another on one state directory, on the fake Codex and under steady load, for clients of its events.
//
// Not what clients do or are told (stream-world.ts). Keeps a link to every segment of the journal, so that what the
// daemon's retention takes away can still be judged by. Invariant: no daemon and no watch outlives `end`.

import { chmodSync, copyFileSync, linkSync, mkdirSync, readdirSync, watch, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Seeded } from "../../scripts/seeded.ts";
import { createDeferred, type Deferred } from "../../src/base/deferred.ts";
import { errorCode } from "../../src/base/error-code.ts";
import { spawnDaemon, type Daemon } from "./daemon.ts";
import { fakeCodexEnv, FAKE_CODEX_PATH } from "./fake-codex.ts";
import { readJournal, type Journal } from "./journal-reader.ts";
import type { Door } from "./stream-visit.ts";

export interface StreamLives {
  /** The one that serves; waits while none does. */
  door(): Promise<Door>;
  /** What the load is about. */
  readonly subjects: Subjects;
  /** Resolves when the next turn has been answered, or when none is. */
  talked(): Promise<unknown>;
  /** Ends the daemon with `signal` and starts the next one. */
  next(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Resolves when nothing is said any more; gives the newest seq. */
  quiet(): Promise<number>;
  end(): Promise<void>;
  /** All that was ever in the journal, of the files; nothing must be written meanwhile. */
  journal(): Journal;
}

export interface Subjects {
  readonly sessionId: string;
  readonly threadId: string;
  readonly runId: string;
}

export interface LivesOptions {
  /** Empty, and of its own. */
  readonly root: string;
  readonly chance: Seeded;
  /** A journal of some segments: retention takes the oldest away all the time. */
  readonly small: boolean;
}

const SMALL_BYTES = 512 * 1024;
const WORKERS = 2;
/** A daemon that has just been started has to resume its threads first. */
const TALK_MS = 1500;
const SEGMENT = /^events-\d{16}\.jsonl$/;

export async function startLives({ root, chance, small }: LivesOptions): Promise<StreamLives> {
  const stateDir = path.join(root, "state");
  const logsDir = path.join(stateDir, "logs");
  const kept = path.join(root, "kept");
  for (const directory of [logsDir, kept]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const watcher = watch(logsDir, (_event, name) => {
    if (name !== null && SEGMENT.test(name)) keepSegment(logsDir, kept, name);
  });
  let daemon = spawn(root, stateDir, small);
  let serving: Deferred<Door> = createDeferred();
  const serve = async (): Promise<void> => {
    const { service, socketPath } = await daemon.started;
    const port = Number(new URL(service.resolvedBaseUrl).port);
    serving.resolve({ port, socketPath: socketPath ?? "", token: await daemon.token() });
  };
  await serve();
  const subjects = await createSubjects(daemon);
  let isOver = false;
  let talked: Deferred<void> = createDeferred();
  const worker = async (sessionId: string): Promise<void> => {
    while (!isOver) {
      await serving.promise;
      if (!(await say(daemon, sessionId, promptOf(chance, small)))) continue;
      talked.resolve();
      talked = createDeferred();
    }
  };
  const second = await createSession(daemon);
  const working = [subjects.sessionId, second.sessionId].slice(0, WORKERS).map(worker);
  return {
    subjects,
    door: () => serving.promise,
    talked: () => Promise.race([talked.promise, pause(TALK_MS)]),
    async next(signal) {
      serving = createDeferred();
      await daemon.kill(signal);
      daemon = spawn(root, stateDir, small);
      // Who waits for it must not wait for ever.
      await serve().catch((error: unknown) => {
        serving.reject(error);
        throw error;
      });
    },
    async quiet() {
      isOver = true;
      await Promise.all(working);
      return headOf(daemon);
    },
    async end() {
      isOver = true;
      await daemon.kill("SIGTERM");
      await Promise.all(working);
      watcher.close();
    },
    journal() {
      for (const name of readdirSync(logsDir)) if (SEGMENT.test(name)) keepSegment(logsDir, kept, name);
      copyFileSync(path.join(logsDir, "events.jsonl"), path.join(kept, "events.jsonl"));
      return readJournal(kept);
    },
  };
}

/** The child is a program of one name, so that it can also be a run's. */
function spawn(root: string, stateDir: string, small: boolean): Daemon {
  const command = path.join(root, "codex");
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${FAKE_CODEX_PATH}' "$@"\n`);
  chmodSync(command, 0o700);
  const bounds = small ? ["--journal-max-bytes", String(SMALL_BYTES)] : [];
  const flags = ["--server-command", command, "--repo-root", root, "--log-level", "warn", ...bounds];
  return spawnDaemon({ stateDir, flags, env: fakeCodexEnv({ statePath: path.join(root, "fake.json") }) });
}

/** A link: the file is there already, and stays when retention takes its name away. */
function keepSegment(logsDir: string, kept: string, name: string): void {
  try {
    linkSync(path.join(logsDir, name), path.join(kept, name));
  } catch (error) {
    if (!["EEXIST", "ENOENT"].includes(errorCode(error) ?? "")) throw error;
  }
}

interface Session {
  readonly sessionId: string;
  readonly threadId: string;
}

async function createSession(daemon: Daemon): Promise<Session> {
  return (await daemon.post<{ session: Session }>("/v1/codexd/sessions")).data.session;
}

async function createSubjects(daemon: Daemon): Promise<Subjects> {
  const { sessionId, threadId } = await createSession(daemon);
  const body = { prompt: "TEXT=a run;", skipGitRepoCheck: true };
  const { data } = await daemon.post<{ run: { readonly runId: string } }>("/v1/codexd/runs", body);
  return { sessionId, threadId, runId: data.run.runId };
}

/** Steadily short ones; now and then one of several frames' length, and one of megabytes where there is room for it. */
function promptOf(chance: Seeded, small: boolean): string {
  const deltas = `DELTAS=${10 + Math.floor(chance.next() * 60)} RATE=${300 + Math.floor(chance.next() * 700)}`;
  const lot = chance.next();
  if (lot > (small ? 0.6 : 0.2)) return `${deltas} TEXT=what é ✓ 🙂 is said;`;
  const bytes = lot < 0.02 && !small ? 5_000_000 : lot < 0.06 && !small ? 1_500_000 : 70_000;
  return `${deltas} BIGLINE=${bytes + Math.floor(chance.next() * 50_000)}`;
}

/** One turn to its end, or to the daemon's; false then. */
async function say(daemon: Daemon, sessionId: string, input: string): Promise<boolean> {
  try {
    const { status } = await daemon.post("/v1/codexd/turn", { sessionId, input, waitMs: 5000 });
    if (status !== 200) await pause(10);
    return status === 200;
  } catch (error) {
    // A killed daemon answers nothing.
    if (!(error instanceof Error) || errorCode(error) === undefined) throw error;
    await pause(5);
    return false;
  }
}

async function headOf(daemon: Daemon): Promise<number> {
  let head = -1;
  for (;;) {
    const { data } = await daemon.get<{ headSeq: number }>("/v1/codexd/events?limit=1");
    if (data.headSeq === head) return head;
    head = data.headSeq;
    await pause(20);
  }
}
