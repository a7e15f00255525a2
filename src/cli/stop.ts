// stop: interrupts a session's or a turn's work, or cancels a run, and says what was ended.
//
// Invariant: a turn that has ended already is left alone, so that a later one of its session is never hit for it.

import type { CodexdClient } from "../client/api.ts";
import { targetName } from "../client/target.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import type { StopReport } from "../core/processes.ts";
import { turnKey } from "../core/records.ts";
import type { CliContext, CommandSpec } from "./command.ts";
import { clientOf, toExitError } from "./daemon-client.ts";
import { plain } from "./event-text.ts";
import { CLIENT_FLAGS, findDaemon } from "./find-daemon.ts";

export const stopCommand: CommandSpec = {
  positionals: "ID",
  positionalsMin: 1,
  positionalsMax: 1,
  summary: "interrupt a session or a turn, or cancel a run",
  notes: "A session's queued turns are ended too; it stays usable. The id of a turn ends that one alone.\n"
    + "Exits 1 when a process has survived.\n",
  flags: [...CLIENT_FLAGS],
  config: "state",
  run: runStop,
};

async function runStop(context: CliContext): Promise<number> {
  const { request, io } = context;
  const [id = ""] = request.positionals;
  const target = await findDaemon(context);
  const client = clientOf(target, context);
  try {
    const { said, stopped, survived } = await stop(client, id);
    io.stdout(`${said}\n`);
    for (const { pid, command, signal } of stopped) {
      io.stdout(`  ended process ${pid} (${signal}): ${plain(command)}\n`);
    }
    for (const { pid, command } of survived) io.stderr(`codexd: process ${pid} has survived: ${plain(command)}\n`);
    return survived.length === 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    throw toExitError(error, targetName(target));
  } finally {
    client.close();
  }
}

async function stop(client: CodexdClient, id: string): Promise<StopReport & { readonly said: string }> {
  if (id.startsWith("run_")) {
    const { run, stopped, survived } = await client.cancelRun(id);
    return { said: `${id} is ${run.status}`, stopped, survived };
  }
  if (!id.startsWith("ses_")) {
    const before = await client.getTurn(id);
    if (before.lastSeq !== null) throw new ExitError(EXIT.failed, `${id} has ended: it is ${before.status}`);
    const { turn, stopped, survived } = await client.interruptTurn(id);
    return { said: `${turnKey(turn)} is ${turn.status}`, stopped, survived };
  }
  const { turn, queuedTurns, stopped, survived } = await client.interruptSession(id);
  // A daemon of an older version has no such member.
  const ended = [...(turn === null ? [] : [turn]), ...(queuedTurns ?? [])];
  const lines = ended.map((one) => `${turnKey(one)} is ${one.status}`);
  return { said: lines.length === 0 ? `${id} is idle` : lines.join("\n"), stopped, survived };
}
