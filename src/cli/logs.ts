// logs: the text of a run or a turn, as it is or as it comes.
//
// A run's is its output file; a turn's is what the model has said. Which of the two an id is, its prefix says.

import type { CodexdClient } from "../client/api.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import { RUN_STREAMS, type RunStream } from "../core/runs.ts";
import { flagValue, hasFlag, type CliContext, type CodexdCliRequest, type CommandSpec } from "./command.ts";
import { followingClient, printAll } from "./daemon-client.ts";
import { CLIENT_FLAGS } from "./find-daemon.ts";

export const logsCommand: CommandSpec = {
  positionals: "ID",
  positionalsMin: 1,
  positionalsMax: 1,
  summary: "print the text of a run or a turn",
  notes: "The text comes as it is, whatever it does to a terminal.\n",
  flags: [
    { name: "follow", short: "f", takes: null, summary: "go on until it has ended" },
    { name: "stream", takes: "NAME", summary: `of a run: one of ${RUN_STREAMS.join(", ")}; message by default` },
    ...CLIENT_FLAGS,
  ],
  config: "state",
  run: runLogs,
};

async function runLogs(context: CliContext): Promise<number> {
  const { request } = context;
  const [id = ""] = request.positionals;
  const stream = streamOf(request);
  const client = followingClient(context);
  const follow = hasFlag(request, "follow");
  const parts = id.startsWith("run_") ? runText(client, id, stream, follow) : turnText(client, id, follow);
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

async function* turnText(client: CodexdClient, id: string, follow: boolean): AsyncGenerator<string, void, undefined> {
  const turn = await client.getTurn(id);
  if (!follow || turn.lastSeq !== null) {
    if (turn.finalMessage !== null) yield `${turn.finalMessage}\n`;
    return;
  }
  const types = ["app-server.turn.message.delta", "turn.accepted", "turn.finished"];
  let { turnId } = turn;
  for await (const { type, detail } of client.events({ after: turn.firstSeq - 1, session: turn.sessionId, types })) {
    const own = detail["submissionId"] === turn.submissionId && turn.submissionId !== null;
    // Codex's id is not known before it has answered, and deltas bear no other.
    if (type === "turn.accepted" && own) turnId = detail.turnId ?? turnId;
    if (detail.turnId !== turnId && !own) continue;
    if (type === "turn.finished") return yield "\n";
    if (typeof detail["delta"] === "string") yield detail["delta"];
  }
}
