// A daemon for the commands about work: answers a test has written down by method and path, and a stream of events.
//
// The newest seq is 10 when it is asked for. Not a daemon: it knows nothing but its list.

import type { ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { runCodexdCli } from "../../src/cli/run.ts";
import { answerJson, startFakeDaemon, type SeenRequest } from "./cli-daemon.ts";
import { createFakeIo, createParts, type FakeIo, type FakeIoOptions } from "./cli-io.ts";

/** `data` of a success, or an answer made by hand. */
export type Answers = Readonly<Record<string, unknown | ((response: ServerResponse, request: SeenRequest) => void)>>;

export interface CommandOutcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/**
 * A way to run commands against a daemon that answers so; keys are such as `GET /runs/run_1`; pages of events are
 * `GET /events?format=json`.
 */
export async function commandsOn(t: TestContext, answers: Answers) {
  const daemon = await startFakeDaemon(t, null, (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://x");
    const route = `${request.method} ${pathname.replace("/v1/codexd", "")}`;
    const answer = answers[route];
    if (route === "GET /events" && searchParams.get("format") === "json") {
      const page = answers["GET /events?format=json"];
      if (typeof page === "function") return page(response, request);
      return answerJson(response, 200, { ok: true, data: { events: [], nextAfter: 0, oldestSeq: 1, headSeq: 10 } });
    }
    if (typeof answer === "function") return answer(response, request);
    if (answer !== undefined) return answerJson(response, 200, { ok: true, data: answer });
    return answerJson(response, 404, { ok: false, error: "not_found", message: `there is no ${route}` });
  });
  const command = async (
    argv: readonly string[], options: FakeIoOptions = {}, onIo: (io: FakeIo) => void = () => undefined,
  ): Promise<CommandOutcome> => {
    const io = createFakeIo({ clock: systemClock, ...options });
    onIo(io);
    const code = await runCodexdCli([...argv, "--url", daemon.baseUrl], io, createParts());
    return { code, out: io.out(), err: io.err() };
  };
  return { daemon, command };
}

export interface StreamedEvent {
  readonly type: string;
  readonly detail: Record<string, unknown>;
  readonly message?: string;
}

/** Answers with a stream of events, from seq 11 on, that stays open. */
export function streamOf(...events: readonly StreamedEvent[]) {
  return (response: ServerResponse): void => {
    response.writeHead(200, { "Content-Type": "application/x-ndjson", Connection: "close" });
    response.flushHeaders();
    for (const [i, event] of events.entries()) {
      response.write(`${JSON.stringify({ seq: 11 + i, createdAt: "", level: "info", message: "", ...event })}\n`);
    }
  };
}
