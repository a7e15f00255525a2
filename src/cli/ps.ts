// ps: what is under way: sessions, turns and runs, and what waits for a decision.
//
// Deliberately one page of each: what does not fit on it is no list for a terminal.

import { targetName } from "../client/target.ts";
import type { ApprovalRecord } from "../core/approvals.ts";
import { EXIT } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { turnKey, type SessionRecord, type TurnSummary } from "../core/records.ts";
import type { RunRecord } from "../core/runs.ts";
import { hasFlag, type CliContext, type CommandSpec } from "./command.ts";
import { clientOf, toExitError } from "./daemon-client.ts";
import { plain } from "./event-text.ts";
import { CLIENT_FLAGS, findDaemon } from "./find-daemon.ts";
import { JSON_FLAG, jsonText } from "./print.ts";

export const psCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "list sessions, turns, runs and approvals that are under way",
  notes: `At most ${LIMITS.pageMax} of each, the newest first.\n`,
  flags: [JSON_FLAG, ...CLIENT_FLAGS],
  config: "state",
  run: runPs,
};

interface UnderWay {
  readonly sessions: readonly SessionRecord[];
  readonly turns: readonly TurnSummary[];
  readonly runs: readonly RunRecord[];
  readonly approvals: readonly ApprovalRecord[];
}

async function runPs(context: CliContext): Promise<number> {
  const { request, io } = context;
  const target = await findDaemon(context);
  const client = clientOf(target, context);
  const limit = LIMITS.pageMax;
  try {
    const [sessions, turns, waiting, running, queued, approvals] = await Promise.all([
      client.listSessions({ status: "active", limit }),
      client.listTurns({ status: "inProgress", limit }),
      client.listTurns({ status: "queued", limit }),
      client.listRuns({ status: "running", limit }),
      client.listRuns({ status: "queued", limit }),
      client.listApprovals({ limit }),
    ]);
    const runs = [...running.records, ...queued.records];
    const found: UnderWay = {
      sessions: sessions.records, turns: [...turns.records, ...waiting.records], runs, approvals: approvals.records,
    };
    io.stdout(hasFlag(request, "json") ? jsonText(found) : tableText(found));
    return EXIT.ok;
  } catch (error) {
    throw toExitError(error, targetName(target));
  } finally {
    client.close();
  }
}

function tableText({ sessions, turns, runs, approvals }: UnderWay): string {
  const rows: string[][] = [
    ...sessions.map(({ sessionId, currentTurnId, createdAt, cwd }) =>
      ["session", sessionId, currentTurnId === null ? "idle" : "busy", createdAt, cwd ?? ""]),
    ...turns.map((turn) =>
      ["turn", turnKey(turn), livenessText(turn), turn.startedAt ?? "", `of ${turn.sessionId}`]),
    ...runs.map((run) =>
      ["run", run.runId, livenessText(run), run.createdAt, plain(run.prompt).slice(0, 60)]),
    ...approvals.map(({ approvalId, status, createdAt, summary }) =>
      ["approval", approvalId, status, createdAt, plain(summary).slice(0, 60)]),
  ];
  if (rows.length === 0) return "nothing is under way\n";
  const table = [["KIND", "ID", "STATUS", "SINCE", ""], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) => {
    const cells = row.map((cell, i) => plain(cell).padEnd(widths[i] ?? 0));
    return `${cells.join("  ").trimEnd()}\n`;
  }).join("");
}

/** Why it is quiet, and for how long; its status where the daemon does not say. */
function livenessText({ status, liveness }: Pick<TurnSummary | RunRecord, "status" | "liveness">): string {
  // A daemon of an older version has no such member.
  if (liveness === null || liveness === undefined) return status;
  return `${liveness.state} ${Math.round(liveness.quietMs / 1000)} s`;
}
