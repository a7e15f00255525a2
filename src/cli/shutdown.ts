// shutdown: ends the daemon of this state directory in order, and waits until it has gone.
//
// By SIGTERM to its process, which HTTP has no route for. Invariant: nothing is signalled unless the daemon that
// answers, the state directory and the one who holds its lock name the same process, so that a number that was reused
// is never hit.

import { sleep } from "../base/clock.ts";
import { targetName } from "../client/target.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { nodeDisk } from "../store/disk.ts";
import { readLockOwner } from "../store/lock.ts";
import type { CliContext, CommandSpec } from "./command.ts";
import { CLIENT_FLAGS, findDaemon } from "./find-daemon.ts";
import { readDaemonFile } from "./state-files.ts";
import { member, readStatus } from "./status-reply.ts";

export const shutdownCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "end the running daemon in order and wait for it",
  notes: "",
  flags: [...CLIENT_FLAGS],
  config: "state",
  run: runShutdown,
};

async function runShutdown(context: CliContext): Promise<number> {
  const { io, signal } = context;
  const target = await findDaemon(context);
  const answered = member(await readStatus(target, context), "snapshot", "daemon", "pid");
  const { paths } = context.resolveConfig().config;
  const pid = (await readDaemonFile(paths))?.pid ?? null;
  if (pid === null || pid !== answered || !io.isAlive(pid)) {
    throw new ExitError(EXIT.failed,
      `the daemon at ${targetName(target)} is process ${String(answered)} and ${paths.daemonStatePath} names ` +
      `${pid === null ? "none" : String(pid)}: nothing was ended; --state-dir names the daemon's own directory`);
  }
  if ((await readLockOwner(nodeDisk, paths.stateDir)) !== pid) {
    throw new ExitError(EXIT.failed, `process ${pid} does not hold the lock of ${paths.stateDir}: nothing was ended`);
  }
  io.terminate(pid);
  await waitUntilGone(pid, context);
  if (signal.aborted) return EXIT.interrupted;
  io.stdout(`codexd (process ${pid}) has ended\n`);
  return EXIT.ok;
}

async function waitUntilGone(pid: number, { io, signal }: CliContext): Promise<void> {
  const deadline = io.clock.monotonic() + LIMITS.clientShutdownMs;
  while (io.isAlive(pid) && !signal.aborted) {
    if (io.clock.monotonic() >= deadline) {
      throw new ExitError(EXIT.failed, `process ${pid} was told to end and still runs; its log says why`);
    }
    await sleep(io.clock, LIMITS.clientPollMs, signal);
  }
}
