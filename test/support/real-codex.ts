// A codexd on the real Codex and the mock model, for the end-to-end tests and the soaks.
//
// One mock model and one `CODEX_HOME` outlive any number of daemons on the same state directory, which is what tests
// of restarts need.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import { codexBinary, codexHomeEnv, makeWorkDir, writeCodexHome } from "./codex-install.ts";
import { spawnDaemon, startDaemon, type Daemon } from "./daemon.ts";
import { startMockModel, type MockModel } from "./mock-model.ts";

export interface RealCodex {
  readonly mock: MockModel;
  readonly stateDir: string;
  readonly logsDir: string;
  /** Where the sessions work. */
  readonly workDir: string;
  /** Starts a daemon on the state directory and waits until it listens. */
  start(flags?: readonly string[]): Promise<Daemon>;
  /** The same without waiting. */
  spawn(): Daemon;
  /** Kills what still runs and removes everything. */
  remove(): Promise<void>;
}

/** Codex tries a broken stream twice again. */
const STREAM_RETRIES = 2;

export interface RealCodexOptions {
  /** @see writeCodexHome */
  readonly asking?: boolean;
}

export async function prepareRealCodex(name: string, { asking = false }: RealCodexOptions = {}): Promise<RealCodex> {
  const root = makeWorkDir(name);
  const mock = await startMockModel();
  const home = path.join(root, "home");
  writeCodexHome(home, mock.port, STREAM_RETRIES, asking);
  const stateDir = path.join(root, "state");
  const workDir = path.join(root, "work");
  mkdirSync(stateDir, { mode: 0o700 });
  mkdirSync(workDir);
  const options = {
    stateDir,
    flags: ["--server-command", codexBinary(), "--repo-root", workDir],
    env: codexHomeEnv(home),
  };
  const daemons: Daemon[] = [];
  const keep = (daemon: Daemon): Daemon => {
    daemons.push(daemon);
    return daemon;
  };
  return {
    mock,
    stateDir,
    logsDir: path.join(stateDir, "logs"),
    workDir,
    start: async (flags = []) => keep(await startDaemon({ ...options, flags: [...options.flags, ...flags] })),
    spawn: () => keep(spawnDaemon(options)),
    async remove() {
      for (const daemon of daemons) await daemon.kill("SIGKILL");
      await mock.close();
      // A child whose daemon was killed writes to its home until it has seen the end of its stdin.
      while (runsWith(`CODEX_HOME=${home}`)) await new Promise((resolve) => setTimeout(resolve, 10));
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Whether any process has this in its environment; always false where there is no /proc. */
function runsWith(variable: string): boolean {
  if (!existsSync("/proc/self/environ")) return false;
  return readdirSync("/proc").some((name) => /^\d+$/.test(name) && environmentOf(name).includes(variable));
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    // It has gone meanwhile, or is somebody else's.
    return [];
  }
}

/** @throws when no child runs. */
export async function childPidOf(daemon: Daemon): Promise<number> {
  const { data } = await daemon.get<{ snapshot: { daemon: { child: { pid: number | null } } } }>("/v1/codexd/status");
  const { pid } = data.snapshot.daemon.child;
  if (pid === null) throw new Error("no child runs");
  return pid;
}

/** A session that may run commands unasked. */
export async function createSession(daemon: Daemon): Promise<SessionRecord> {
  const profile = { sandbox: "danger-full-access", approvalPolicy: "never" };
  const { status, data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions", profile);
  if (status !== 201) throw new Error(`a session was refused: ${JSON.stringify(data)}`);
  return data.session;
}

/** Sends a turn and waits for its end. */
export async function runTurn(daemon: Daemon, sessionId: string, input: string): Promise<TurnRecord> {
  const body = { sessionId, input, waitMs: 60_000 };
  const { status, data } = await daemon.post<{ turn: TurnRecord }>("/v1/codexd/turn", body);
  if (status !== 200) throw new Error(`a turn did not end: ${status} ${JSON.stringify(data)}`);
  return data.turn;
}

export interface Accepted {
  readonly accepted: true;
  readonly submissionId: string;
  readonly turnId: string;
}

/** Sends a turn without waiting for its end. */
export async function startTurn(daemon: Daemon, sessionId: string, input: string): Promise<Accepted> {
  const { status, data } = await daemon.post<Accepted>("/v1/codexd/turn", { sessionId, input });
  if (status !== 202) throw new Error(`a turn was not accepted: ${status} ${JSON.stringify(data)}`);
  return data;
}

/** Waits for the end of a turn. */
export async function endOfTurn(daemon: Daemon, id: string): Promise<TurnRecord> {
  const { data } = await daemon.get<{ turn: TurnRecord }>(`/v1/codexd/turns/${id}?waitMs=60000`);
  return data.turn;
}
