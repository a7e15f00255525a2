// send: asks the model, and prints what it says and does as it comes.
//
// Standard output has the answer and nothing else. Invariants: nothing of the turn is missed, its events are followed
// from before it was asked for; its end is the daemon's word, also over restarts; Ctrl-C ends the turn.

import type { CodexdClient, StartedTurn } from "../client/api.ts";
import { CodexdClientError } from "../client/errors.ts";
import { errorMessage, EXIT, ExitError, type ExitCode } from "../core/errors.ts";
import { SANDBOX_MODES, type TurnRecord } from "../core/records.ts";
import type { StartTurnInput } from "../core/requests.ts";
import { APPROVE_MODES, createApprovalDesk, type ApprovalDesk } from "./approval-desk.ts";
import type { CliContext, CommandSpec } from "./command.ts";
import { followingClient, toExitError } from "./daemon-client.ts";
import { oneLine } from "./event-text.ts";
import { createTeller } from "./events.ts";
import { CLIENT_FLAGS } from "./find-daemon.ts";
import { followTurn, receiptOf, type TurnEnd, type TurnIds } from "./follow-turn.ts";
import { watchInterruption, type Interruption } from "./interruption.ts";
import { JSON_FLAG, jsonText } from "./print.ts";
import { IMAGE_FLAG, KEY_FLAG, SCHEMA_FLAG } from "./prompt-input.ts";
import { createScreen, type Screen } from "./screen.ts";
import { inputItems, keyFor, readSendRequest, whereFlags, type SendRequest } from "./send-request.ts";
import { createTurnPrinter, printedTypes } from "./turn-printer.ts";

export const sendCommand: CommandSpec = {
  positionals: "[TEXT] [-]",
  positionalsMin: 0,
  positionalsMax: 2,
  summary: "ask, print the answer as it is written, and exit with what it came to",
  notes: [
    "Without TEXT, or with - in its place, standard input is the text; with - behind it both are sent.\n",
    "The answer goes to standard output, whole messages where that is no terminal; all else to standard error.\n",
    "With --json the turn's receipt is printed once it has ended, and no answer before.\n",
    "What Codex asks is asked at the terminal; without one it waits until codexd approve or deny answers it.\n",
    "Ctrl-C ends the turn, a second one leaves at once. The session stays open, unless --close is given.\n",
  ].join(""),
  flags: [
    { name: "session", takes: "ID", summary: "go on with this session; a new one by default" },
    { name: "queue", takes: null, summary: "where a turn runs in the session, wait for its end" },
    { name: "cwd", takes: "DIR", summary: "where it works; of a new session the current directory by default" },
    { name: "model", takes: "NAME", summary: "the model" },
    { name: "effort", takes: "WORD", summary: "how much it is to think" },
    { name: "sandbox", takes: "MODE", summary: `of a new session: one of ${SANDBOX_MODES.join(", ")}` },
    { name: "approval-policy", takes: "WORD", summary: "when Codex asks: untrusted, on-request, never" },
    { name: "approve", takes: "HOW", summary: `what Codex asks: ${APPROVE_MODES.join(", ")}; ask by default` },
    SCHEMA_FLAG,
    IMAGE_FLAG,
    KEY_FLAG,
    { name: "close", takes: null, summary: "close the session at the end" },
    JSON_FLAG,
    ...CLIENT_FLAGS,
  ],
  config: "state",
  run: runSend,
};

/** What goes on in one `send`. */
interface Sending {
  readonly context: CliContext;
  readonly asked: SendRequest;
  readonly client: CodexdClient;
  readonly screen: Screen;
  readonly interruption: Interruption;
}

async function runSend(context: CliContext): Promise<number> {
  const asked = await readSendRequest(context);
  const screen = createScreen(context.io);
  const interruption = watchInterruption(context.io);
  const client = followingClient({ ...context, signal: interruption.leave });
  try {
    return await send({ context, asked, client, screen, interruption });
  } catch (error) {
    screen.endAnswer();
    if (interruption.leave.aborted) return EXIT.interrupted;
    throw toExitError(error, "the daemon");
  } finally {
    interruption.release();
    client.close();
  }
}

async function send(sending: Sending): Promise<ExitCode> {
  const { asked, client, screen, interruption } = sending;
  const { headSeq } = await client.listEvents({ limit: 1 });
  const sessionId = asked.sessionId ??
    (await client.createSession(asked.session, keyFor(asked.key, "session"))).sessionId;
  const lasts = asked.close ? "closed at the end" : `--session ${sessionId} goes on with it`;
  if (!asked.json && asked.sessionId === null) screen.note(`${sessionId}; ${lasts}`);
  const input = await inputItems(asked, sessionId, client);
  const desk = openDesk(sending);
  // A session of somebody else's that takes no turn now is left as it is.
  let own = asked.sessionId === null;
  try {
    const starting = startTurn(client, { sessionId, input, ...asked.turn }, asked.key);
    interruption.arm(() => void endTurn(starting, desk, sending));
    const { submissionId, turnId } = await starting;
    own = true;
    const waits = asked.turn.whenBusy === "queue" && turnId === null;
    if (waits && !asked.json) screen.note(`${submissionId ?? "it"} is queued behind another turn of the session`);
    const ids = { sessionId, submissionId, turnId };
    const end = await printTurn(ids, await seqBefore(ids, headSeq, sending), desk, sending);
    interruption.disarm();
    await desk.close();
    return await tellEnd(end, sending);
  } finally {
    interruption.disarm();
    await desk.close();
    if (asked.close && own) await closeSession(sessionId, sending);
  }
}

function openDesk({ context, asked, client, screen }: Sending): ApprovalDesk {
  const { io } = context;
  // Who cannot see the question cannot answer it.
  const attended = io.stdinIsTerminal && io.stderrIsTerminal;
  return createApprovalDesk({ client, io, screen, mode: asked.approve, attended, where: whereFlags(context.request) });
}

async function startTurn(client: CodexdClient, input: StartTurnInput, key: string | null): Promise<StartedTurn> {
  try {
    return await client.startTurn(input, keyFor(key, "turn"));
  } catch (error) {
    const unknown = error instanceof CodexdClientError && UNANSWERED.has(error.code);
    if (!unknown) throw error;
    // Asked for once more without a key it might be run twice.
    const next = key === null ? "codexd ps tells" : "the same command again goes on with it";
    const message = `${error.message}; whether the turn runs is not known, ${next}`;
    throw new ExitError(EXIT.failed, message, { cause: error });
  }
}

const UNANSWERED: ReadonlySet<string> = new Set(["request_failed", "reply_timeout"]);

/** To a key that was used before the answer is an old one, and the turn may have ended long ago. */
async function seqBefore(ids: TurnIds, headSeq: number, { asked, client }: Sending): Promise<number> {
  if (asked.key === null) return headSeq;
  const { firstSeq } = await client.getTurn(ids.submissionId ?? ids.turnId ?? "");
  return Math.min(headSeq, firstSeq - 1);
}

/** Resolves with its end; all that is to be seen of it has been printed then. */
async function printTurn(ids: TurnIds, after: number, desk: ApprovalDesk, sending: Sending): Promise<TurnEnd> {
  const { context, asked, client, screen } = sending;
  const streams = context.io.stdoutIsTerminal;
  const printer = createTurnPrinter(screen, streams);
  const end = await followTurn(client, ids, {
    after,
    types: asked.json ? [] : printedTypes(streams),
    onNotice: createTeller((text) => screen.note(text)),
    onEvent: (event) => {
      if (!asked.json) printer.print(event);
    },
    onApproval: ({ type, detail }) => desk.take(type, detail),
  });
  printer.end();
  return end;
}

/** At the first Ctrl-C. A turn that is just being asked for is awaited first: another one's must not be hit for it. */
async function endTurn(
  starting: Promise<StartedTurn>, desk: ApprovalDesk, { client, screen, interruption }: Sending,
): Promise<void> {
  screen.note("ending the turn; Ctrl-C again leaves at once");
  const withdrawn = desk.close();
  const started = await starting.catch(() => null);
  if (started === null) return;
  try {
    await withdrawn;
    const id = started.submissionId ?? started.turnId ?? "";
    const { lastSeq } = await client.getTurn(id);
    if (lastSeq !== null) return;
    // That turn alone: others may have queued theirs behind it.
    const { survived } = await client.interruptTurn(id);
    for (const { pid, command } of survived) screen.note(`process ${pid} has survived: ${oneLine(command)}`);
  } catch (error) {
    if (interruption.leave.aborted) return;
    screen.note(`the turn could not be ended: ${oneLine(errorMessage(error))}`);
  }
}

/** Says how it ended, and gives the exit code. */
async function tellEnd(end: TurnEnd, { context, asked, client, screen, interruption }: Sending): Promise<ExitCode> {
  const { status, error } = end;
  const wanted = asked.json || asked.turn.outputSchema !== undefined;
  const tell = createTeller((text) => screen.note(text));
  const receipt = wanted ? await receiptOf(client, end.id, tell, context.io.clock, interruption.leave) : null;
  if (asked.json && receipt !== null) context.io.stdout(jsonText(receipt));
  tellSchema(receipt, screen);
  if (status !== "completed") {
    const verb = status === "failed" ? "has failed" : "has been interrupted";
    // Whole: what to do about it stands at the end.
    screen.note(`the turn ${verb}${error === null ? "" : `: ${oneLine(error.message)}`}`);
  } else if (interruption.interrupted) {
    screen.note("the turn had been completed before");
  }
  if (interruption.interrupted) return EXIT.interrupted;
  return status === "completed" ? EXIT.ok : EXIT.failed;
}

function tellSchema(receipt: TurnRecord | null, screen: Screen): void {
  const problem = receipt?.structuredOutputError ?? null;
  if (problem !== null) screen.note(`the answer does not follow the schema: ${oneLine(problem)}`);
}

async function closeSession(sessionId: string, { client, screen, interruption }: Sending): Promise<void> {
  if (interruption.leave.aborted) return;
  try {
    await client.closeSession(sessionId);
  } catch (error) {
    screen.note(`${sessionId} could not be closed: ${oneLine(errorMessage(error))}`);
  }
}
