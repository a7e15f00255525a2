// A whole codexd for hostile pages: with a session that has worked, and what can be seen of it from its owner's side.
//
// Looked at over the Unix socket, where no page comes. Invariant: a look changes only the count of answers, and leaves
// itself out of that.

import { request } from "node:http";
import type { ErrorCode } from "../../src/core/errors.ts";
import { childrenOf, createSession, runTurn } from "./daemon-calls.ts";
import { readPrometheus } from "./prometheus.ts";
import type { WholeDaemons } from "./whole-daemons.ts";

export interface Victim {
  readonly port: number;
  /** The id of its session, and its token or what stands for one. */
  readonly session: string;
  readonly token: string;
  /** What `done` is before anybody has come. */
  readonly untouched: Done;
  look(): Promise<Look>;
}

export interface Look {
  readonly done: Done;
  /** How often it has refused with which error code. */
  readonly refusals: ReadonlyMap<ErrorCode, number>;
}

/** What would be another, had a request passed: events, records, processes, streams, and answers that are not 4xx. */
export type Done = Readonly<Record<string, number | readonly number[]>>;

const FIGURES = [
  "codexd_events_total", "codexd_sessions", "codexd_turns_open", "codexd_turns_queued", "codexd_turns_total",
  "codexd_runs", "codexd_runs_total", "codexd_child_calls", "codexd_streams", "codexd_http_requests_total",
];

export async function createVictim(daemons: WholeDaemons, flags: readonly string[]): Promise<Victim> {
  const options = daemons.withFakeCodex();
  const daemon = await daemons.start({ ...options, flags: [...options.flags ?? [], ...flags] });
  const { service, socketPath } = await daemon.started;
  const session = await createSession(daemon);
  await runTurn(daemon, session, "hello");
  let looks = 0;
  const look = async (): Promise<Look> => {
    const families = readPrometheus(await getText(socketPath ?? "", "/metrics"));
    const done: Record<string, number | readonly number[]> = { processes: childrenOf(daemon.pid) };
    for (const name of FIGURES) {
      for (const [labels, value] of families.get(name)?.samples ?? []) done[`${name} ${labels}`] = value;
    }
    done['codexd_http_requests_total status="2xx"'] = Number(done['codexd_http_requests_total status="2xx"']) - looks;
    delete done['codexd_http_requests_total status="4xx"'];
    looks += 1;
    const counts = [...families.get("codexd_http_refusals_total")?.samples ?? []];
    const codeOf = (label: string): ErrorCode => label.slice('error="'.length, -1) as ErrorCode;
    return { done, refusals: new Map(counts.map(([label, count]) => [codeOf(label), count])) };
  };
  return {
    port: Number(new URL(service.resolvedBaseUrl).port),
    session: session.sessionId,
    token: await daemon.token() || "none",
    untouched: (await look()).done,
    look,
  };
}

/** The error codes with which it has refused from one look to a later one. */
export function refusedBetween({ refusals: before }: Look, { refusals: after }: Look): ErrorCode[] {
  return [...after].filter(([code, count]) => count > (before.get(code) ?? 0)).map(([code]) => code);
}

function getText(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { host: "codexd" }, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("error", reject).on("end", () => resolve(text));
    });
    asked.on("error", reject).end();
  });
}
