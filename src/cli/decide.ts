// approve and deny: a decision on what Codex asks, by a word or by a whole answer.
//
// Which words an approval takes is for the daemon to judge. Invariant: nothing is decided that was not named: an id may
// be shortened only as long as it can mean one alone, and what was decided is said with what it was about.

import { readFile } from "node:fs/promises";
import path from "node:path";
import { isObject } from "../base/decode.ts";
import type { CodexdClient } from "../client/api.ts";
import { CodexdClientError } from "../client/errors.ts";
import { targetName } from "../client/target.ts";
import type { ApprovalDecision, ApprovalRecord, DecideApprovalInput } from "../core/approvals.ts";
import { EXIT, ExitError, errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { DONE, outcomeText } from "./approval-text.ts";
import { flagValue, hasFlag, type CliContext, type CommandSpec, type FlagSpec } from "./command.ts";
import { clientOf, toExitError } from "./daemon-client.ts";
import { oneLine, visible } from "./event-text.ts";
import { CLIENT_FLAGS, findDaemon } from "./find-daemon.ts";
import { JSON_FLAG, jsonText } from "./print.ts";

/** Digits of an id that must be given: fewer might mean another one by the time they are typed. */
const PREFIX_DIGITS_MIN = 4;

const NOTES = [
  "codexd approvals lists what waits. Of an ID its beginning is enough where only one that waits begins so.\n",
  "Each ID is decided by itself; exits 1 when one of them could not be, for example since somebody else was first.\n",
].join("");

export const approveCommand: CommandSpec = decider({
  summary: "allow what Codex asks for",
  flags: [
    { name: "session", takes: null, summary: "and the like for the rest of the session" },
    { name: "result", takes: "JSON", summary: "the whole answer, as the method takes it; @FILE, or - for stdin" },
  ],
  input: approveInput,
});

export const denyCommand: CommandSpec = decider({
  summary: "refuse what Codex asks for; its turn goes on",
  flags: [{ name: "cancel", takes: null, summary: "and end the turn; a question of an MCP server's is dismissed" }],
  input: async ({ request }) => byWord(hasFlag(request, "cancel") ? "cancel" : "decline"),
});

function decider({ summary, flags, input }: {
  readonly summary: string;
  readonly flags: readonly FlagSpec[];
  readonly input: (context: CliContext) => Promise<DecideApprovalInput>;
}): CommandSpec {
  return {
    positionals: "ID…",
    positionalsMin: 1,
    positionalsMax: Infinity,
    summary,
    notes: NOTES,
    flags: [...flags, JSON_FLAG, ...CLIENT_FLAGS],
    config: "state",
    run: async (context) => runDecide(context, await input(context)),
  };
}

function byWord(decision: ApprovalDecision): DecideApprovalInput {
  return { decision };
}

/** @throws (rejects) {ExitError} 64 for a result that is none. */
async function approveInput({ request, io }: CliContext): Promise<DecideApprovalInput> {
  const given = flagValue(request, "result");
  if (given === undefined) return byWord(hasFlag(request, "session") ? "acceptForSession" : "accept");
  if (hasFlag(request, "session")) throw new ExitError(EXIT.usage, "--result is the whole answer: leave --session out");
  if (request.positionals.length > 1) throw new ExitError(EXIT.usage, "--result answers one ID alone");
  const text = given === "-" ? await io.readStdin()
    : given.startsWith("@") ? await readSource(path.resolve(io.platform.cwd, given.slice(1))) : given;
  let result: unknown;
  try {
    result = JSON.parse(text);
  } catch (error) {
    throw new ExitError(EXIT.usage, `--result is not JSON: ${oneLine(errorMessage(error))}`, { cause: error });
  }
  if (isObject(result)) return { result };
  throw new ExitError(EXIT.usage, "--result takes a JSON object, as the request's method does");
}

async function readSource(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new ExitError(EXIT.usage, `--result: ${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}

async function runDecide(context: CliContext, input: DecideApprovalInput): Promise<number> {
  const { request, io } = context;
  const target = await findDaemon(context);
  const client = clientOf(target, context);
  const json = hasFlag(request, "json");
  const decided: ApprovalRecord[] = [];
  try {
    for (const given of request.positionals) {
      let id = given;
      try {
        id = await wholeId(client, given);
        const approval = await client.decideApproval(id, input);
        decided.push(approval);
        if (!json) io.stdout(decidedText(approval));
      } catch (error) {
        io.stderr(`codexd: ${visible(id)}: ${await refusalText(client, id, error)}\n`);
      }
    }
    if (json) io.stdout(jsonText({ approvals: decided }));
    return decided.length === request.positionals.length ? EXIT.ok : EXIT.failed;
  } catch (error) {
    throw toExitError(error, targetName(target));
  } finally {
    client.close();
  }
}

function decidedText({ approvalId, decision, summary }: ApprovalRecord): string {
  return `${visible(approvalId)} ${DONE[decision ?? "answered"]}: ${visible(oneLine(summary))}\n`;
}

/** @throws (rejects) {ExitError} for a beginning that means none, or several. */
async function wholeId(client: CodexdClient, given: string): Promise<string> {
  if (!/^apr_[0-9a-f]{0,31}$/.test(given)) return given;
  const waiting: string[] = [];
  for await (const { approvalId } of client.allApprovals({ limit: LIMITS.pageMax })) waiting.push(approvalId);
  if (waiting.includes(given)) return given;
  if (given.length < "apr_".length + PREFIX_DIGITS_MIN) {
    throw new ExitError(EXIT.failed, `the beginning of an id is apr_ and ${PREFIX_DIGITS_MIN} of its digits at least`);
  }
  const [found, ...more] = waiting.filter((id) => id.startsWith(given));
  if (found === undefined) throw new ExitError(EXIT.failed, "nothing that waits for a decision begins so");
  if (more.length === 0) return found;
  const all = [found, ...more];
  throw new ExitError(EXIT.failed, `${all.length} that wait for a decision begin so: ${all.join(", ")}`);
}

/** Why one could not be decided. @throws (rejects) the error, where it is not about this one alone. */
async function refusalText(client: CodexdClient, id: string, error: unknown): Promise<string> {
  if (error instanceof ExitError) return error.message;
  if (!(error instanceof CodexdClientError) || error.status === null || error.status === 401) throw error;
  if (error.code !== "approval_resolved") return `${oneLine(error.message)} (${error.code})`;
  // The record says more of what stands than the refusal does.
  const approval = await client.getApproval(id);
  return `${outcomeText(approval).replace("was ", "was already ")}: ${visible(oneLine(approval.summary))}`;
}
