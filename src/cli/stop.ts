// stop: interrupts a session's or a turn's work, or cancels a run, and says what was ended.
//
// Invariant: a turn that has ended already is left alone, so that a later one of its session is never hit for it.

import type { CodexdClient } from "../client/api.ts";
import { targetName } from "../client/target.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import type { StopReport } from "../core/processes.ts";
import type { CliContext, CommandSpec } from "./command.ts";
import { clientOf, toExitError } from "./daemon-client.ts";
import { plain } from "./event-text.ts";
import { CLIENT_FLAGS, findDaemon } from "./find-daemon.ts";

export const stopCommand: CommandSpec = {
  positionals: "ID",
  positionalsMin: 1,
  positionalsMax: 1,
  summary: "interrupt a session or a turn, or cancel a run",
  notes: "A session stays usable. Exits 1 when a process has survived.\n",
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
  const sessionId = id.startsWith("ses_") ? id : await sessionOfRunning(client, id);
  const { turn, stopped, survived } = await client.interruptSession(sessionId);
  const said = turn === null ? `${sessionId} is idle` : `${turn.submissionId ?? turn.turnId} is ${turn.status}`;
  return { said, stopped, survived };
}

async function sessionOfRunning(client: CodexdClient, id: string): Promise<string> {
  const turn = await client.getTurn(id);
  if (turn.lastSeq === null) return turn.sessionId;
  throw new ExitError(EXIT.failed, `${id} has ended: it is ${turn.status}`);
}
