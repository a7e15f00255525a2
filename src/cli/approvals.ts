// approvals: what waits for a decision, as a list, one by one, or as it comes.
//
// Decides nothing (decide.ts does). Invariant: with --follow no question falls between the list and what follows it.

import type { ApprovalQuery, CodexdClient } from "../client/api.ts";
import { CodexdClientError } from "../client/errors.ts";
import { targetName } from "../client/target.ts";
import type { ApprovalRecord } from "../core/approvals.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { approvalText, outcomeText } from "./approval-text.ts";
import { flagValue, hasFlag, type CliContext, type CommandSpec } from "./command.ts";
import { clientOf, followingClient, printAll, toExitError } from "./daemon-client.ts";
import { visible } from "./event-text.ts";
import { createTeller } from "./events.ts";
import { CLIENT_FLAGS, findDaemon } from "./find-daemon.ts";
import { jsonText } from "./print.ts";
import { outputPaint } from "./screen.ts";

export const approvalsCommand: CommandSpec = {
  positionals: "[ID]…",
  positionalsMin: 0,
  positionalsMax: Infinity,
  summary: "list what Codex asks and nobody has decided",
  notes: [
    `The newest first, at most ${LIMITS.pageMax}. With an ID that one, whatever became of it, and with its\n`,
    "changes whole. codexd approve ID and codexd deny ID decide.\n",
  ].join(""),
  flags: [
    { name: "all", takes: null, summary: "also those that are decided, or orphaned" },
    { name: "session", takes: "ID", summary: "only those of this session" },
    { name: "follow", short: "f", takes: null, summary: "go on with those that come, and say what becomes of them" },
    { name: "json", takes: null, summary: "one JSON document; with --follow one record a line, each time it changes" },
    ...CLIENT_FLAGS,
  ],
  config: "state",
  run: runApprovals,
};

async function runApprovals(context: CliContext): Promise<number> {
  const { request } = context;
  const follow = hasFlag(request, "follow");
  if (request.positionals.length > 0) {
    const odd = ["all", "session", "follow"].find((name) => hasFlag(request, name));
    if (odd !== undefined) throw new ExitError(EXIT.usage, `--${odd} goes with no ID`);
  }
  return follow ? followApprovals(context) : listApprovals(context);
}

async function listApprovals(context: CliContext): Promise<number> {
  const { request, io } = context;
  const target = await findDaemon(context);
  const client = clientOf(target, context);
  try {
    const { records, more } = await read(client, context);
    const diffs = request.positionals.length > 0;
    const text = (approval: ApprovalRecord): string => {
      return approvalText(approval, { paint: outputPaint(io), now: io.clock.now(), diffs });
    };
    if (hasFlag(request, "json")) io.stdout(jsonText({ approvals: records }));
    else io.stdout(records.length === 0 ? "nothing waits for a decision\n" : records.map(text).join("\n"));
    if (more) io.stderr(`codexd: there are more than these ${records.length}\n`);
    return EXIT.ok;
  } catch (error) {
    throw toExitError(error, targetName(target));
  } finally {
    client.close();
  }
}

async function read(
  client: CodexdClient, context: CliContext,
): Promise<{ records: readonly ApprovalRecord[]; more: boolean }> {
  const ids = context.request.positionals;
  if (ids.length > 0) return { records: await Promise.all(ids.map((id) => client.getApproval(id))), more: false };
  const { records, nextCursor } = await client.listApprovals(queryOf(context));
  return { records, more: nextCursor !== null };
}

function queryOf({ request }: CliContext): ApprovalQuery {
  const status = hasFlag(request, "all") ? "all" : "pending";
  return { status, sessionId: flagValue(request, "session"), limit: LIMITS.pageMax };
}

async function followApprovals(context: CliContext): Promise<number> {
  const { request, io } = context;
  const client = followingClient(context);
  const json = hasFlag(request, "json");
  const texts = async function* (): AsyncGenerator<string, void, undefined> {
    for await (const approval of changes(client, context)) {
      const { status, approvalId } = approval;
      if (json) yield `${JSON.stringify(approval)}\n`;
      else if (status !== "pending") yield `${visible(approvalId)} ${outcomeText(approval)}\n`;
      else yield approvalText(approval, { paint: outputPaint(io), now: io.clock.now(), diffs: false });
    }
  };
  return printAll(context, client, texts());
}

/** What waits, oldest first, then each that comes; and each of these again when it has been decided. */
async function* changes(
  client: CodexdClient, context: CliContext,
): AsyncGenerator<ApprovalRecord, void, undefined> {
  const { request, io } = context;
  const { headSeq } = await client.listEvents({ limit: 1 });
  const { records } = await client.listApprovals(queryOf(context));
  const open = new Set(records.filter(({ status }) => status === "pending").map(({ approvalId }) => approvalId));
  yield* records.toReversed();
  const tell = createTeller((text) => io.stderr(`codexd: ${text}\n`));
  const session = flagValue(request, "session");
  const types = ["approval.*"];
  for await (const { type, detail } of client.events({ after: headSeq, session, types, onNotice: tell })) {
    const { approvalId } = detail;
    if (typeof approvalId !== "string") continue;
    // One that began before the list was made stands on it, or is over.
    const isNew = type === "approval.requested";
    if (isNew ? open.has(approvalId) : !open.has(approvalId) && !hasFlag(request, "all")) continue;
    const approval = await readIfKept(client, approvalId);
    // What is decided at once was never waited for: its end tells of it, to whoever wants all.
    if (approval === null || (isNew && approval.status !== "pending")) continue;
    if (isNew) open.add(approvalId);
    else open.delete(approvalId);
    yield approval;
  }
}

/** Null for one that was removed meanwhile, with its session. */
async function readIfKept(client: CodexdClient, approvalId: string): Promise<ApprovalRecord | null> {
  try {
    return await client.getApproval(approvalId);
  } catch (error) {
    if (error instanceof CodexdClientError && error.status === 404) return null;
    throw error;
  }
}
