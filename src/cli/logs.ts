// logs: the text of a run or a turn, as it is or as it comes.
//
// A run's is its output file; a turn's is what the model has said. Which of the two an id is, its prefix says.

import type { CodexdClient, EventQuery } from "../client/api.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import type { CodexdEvent } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import { RUN_STREAMS, type RunStream } from "../core/runs.ts";
import { flagValue, hasFlag, type CliContext, type CodexdCliRequest, type CommandSpec } from "./command.ts";
import { followingClient, printAll } from "./daemon-client.ts";
import { gapText } from "./events.ts";
import { CLIENT_FLAGS } from "./find-daemon.ts";

export const logsCommand: CommandSpec = {
  positionals: "ID",
  positionalsMin: 1,
  positionalsMax: 1,
  summary: "print the text of a run or a turn",
  notes: "A pipe or a file has the text as it is; at a terminal control characters show as blanks.\n",
  flags: [
    { name: "follow", short: "f", takes: null, summary: "go on until it has ended" },
    { name: "stream", takes: "NAME", summary: `of a run: one of ${RUN_STREAMS.join(", ")}; message by default` },
    ...CLIENT_FLAGS,
  ],
  config: "state",
  run: runLogs,
};

async function runLogs(context: CliContext): Promise<number> {
  const { request, io } = context;
  const [id = ""] = request.positionals;
  const stream = streamOf(request);
  const client = followingClient(context);
  const follow = hasFlag(request, "follow");
  const say = (text: string): void => io.stderr(`codexd: ${text}\n`);
  const parts = id.startsWith("run_") ? runText(client, id, stream, follow) : turnText(client, id, follow, say);
  return printAll(context, client, parts);
}

function streamOf(request: CodexdCliRequest): RunStream {
  const word = flagValue(request, "stream") ?? "message";
  const stream = RUN_STREAMS.find((name) => name === word);
  if (stream !== undefined) return stream;
  throw new ExitError(EXIT.usage, `--stream takes one of ${RUN_STREAMS.join(", ")}, got ${JSON.stringify(word)}`);
}

async function* runText(
  client: CodexdClient, runId: string, stream: RunStream, follow: boolean,
): AsyncGenerator<string, void, undefined> {
  if (follow) yield* client.followRunOutput(runId, { stream });
  else yield (await client.runOutput(runId, { stream })).text;
}

/** Of one that has ended its answer; of one that runs what has been said, and with `follow` what will be. */
async function* turnText(
  client: CodexdClient, id: string, follow: boolean, say: (text: string) => void,
): AsyncGenerator<string, void, undefined> {
  const turn = await client.getTurn(id);
  if (turn.lastSeq !== null) {
    if (turn.finalMessage !== null) yield `${turn.finalMessage}\n`;
    return;
  }
  const query = { session: turn.sessionId, types: ["app-server.turn.message.delta", "turn.accepted", "turn.finished"] };
  const after = turn.firstSeq - 1;
  let { turnId } = turn;
  let said: { readonly itemId: unknown } | null = null;
  const events = follow ? client.events({ ...query, after }) : eventsSoFar(client, query, after, say);
  for await (const { type, detail } of events) {
    const own = detail["submissionId"] === turn.submissionId && turn.submissionId !== null;
    // Codex's id is not known before it has answered, and deltas bear no other.
    if (type === "turn.accepted" && own) turnId = detail.turnId ?? turnId;
    if (detail.turnId !== turnId && !own) continue;
    if (type === "turn.finished") break;
    if (typeof detail["delta"] !== "string") continue;
    // Each message on a line of its own.
    if (said !== null && said.itemId !== detail["itemId"]) yield "\n";
    said = { itemId: detail["itemId"] };
    yield detail["delta"];
  }
  if (said !== null) yield "\n";
}

/** Those that the journal has now. */
async function* eventsSoFar(
  client: CodexdClient, query: Pick<EventQuery, "session" | "types">, from: number, say: (text: string) => void,
): AsyncGenerator<CodexdEvent, void, undefined> {
  let head = Infinity;
  for (let after = from, next; after < head; after = next) {
    const page = await client.listEvents({ ...query, after, limit: LIMITS.pageMax });
    for (const gap of page.gaps ?? []) say(gapText(gap, true));
    yield* page.events;
    next = page.nextAfter;
    // What is written meanwhile is not waited for.
    head = Math.min(head, page.headSeq);
    if (next <= after) return;
  }
}
