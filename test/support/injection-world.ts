// A daemon in this process on a Codex that records, and what it takes to ask it anything: records with known ids, good
// values, and an approval to decide.
//
// What is asked, injection-cases.ts makes; what came of it, injection-judge.ts judges. Invariant: when an answer is
// there, all that the request has started is over.

import { mkdirSync, writeFileSync } from "node:fs";
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import path from "node:path";
import type { TestContext } from "node:test";
import { silentLogger } from "../../src/base/log.ts";
import { CodexdLocalService } from "../../src/local-service.ts";
import { configure, endBefore, workDir } from "./daemon-dir.ts";
import {
  readRoutes, wellFormed, type InjectedRequest, type InjectedRoute, type Samples,
} from "./injection-cases.ts";
import { judgeAnswer, rememberMarks, type InjectedAnswer, type Surroundings } from "./injection-judge.ts";
import { ASKING, createRecordingCodex } from "./recording-codex.ts";

export interface Outcome extends InjectedAnswer {
  readonly problems: readonly string[];
}

export interface InjectionWorld {
  readonly routes: readonly InjectedRoute[];
  readonly samples: Samples;
  /** Events by type, of all that has happened. */
  readonly told: ReadonlyMap<string, number>;
  /** How many events there must be, by the answers that said that something was made. */
  readonly due: ReadonlyMap<string, number>;
  send(request: InjectedRequest): Promise<Outcome>;
  readonly ask: Asker["ask"];
  readonly session: Asker["session"];
  readonly socketPath: string;
  /** Everything that the daemon keeps is below it. */
  readonly dir: string;
  readonly uploadsDir: string;
  /** A number that grows with whatever Codex is given. */
  traces(): number;
}

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const THREAD = "0199a213-81c0-7800-8aa1-bbab2a035a53";
/** Stands for an id that is only known when the request is sent. */
const ID = "ID-OF-A-RECORD";
/** What a run must not inherit, beside what it must. */
const ENV = { PATH: "/usr/bin:/bin", HOME: "/root", MINE: "1", BAA_CODEXD_TOKEN: "hunter2", CODEXD_URL: "http://x" };

/** What says that something was made: a POST there, with this event. */
const MAKING: ReadonlyArray<readonly [RegExp, string]> = [
  [/\/runs$/, "run.queued"], [/\/turns?$/, "turn.submitted"], [/codexd\/sessions$/, "session.created"],
];

export async function openInjectionWorld(t: TestContext): Promise<InjectionWorld> {
  const dir = workDir(t);
  const odd = path.join(dir, "-odd --help\n=x,");
  const image = path.join(dir, "--image -.png");
  mkdirSync(odd);
  writeFileSync(image, Buffer.from(PNG, "base64"));
  const codex = createRecordingCodex();
  const told = new Map<string, number>();
  const config = configure(dir);
  const service = new CodexdLocalService(config, {
    spawner: codex, env: ENV, log: silentLogger, onEvent: ({ type }) => told.set(type, (told.get(type) ?? 0) + 1),
  });
  const asker = createAsker(config.service.socketPath ?? "");
  mkdirSync(config.paths.uploadsDir, { mode: 0o700, recursive: true });
  await service.start();
  endBefore(dir, async () => {
    asker.close();
    await service.stop();
  });
  const sessionId = await asker.session();
  const idFor = await createRecords(asker, sessionId);
  const surroundings: Surroundings = { env: ENV, runsDir: path.join(config.paths.logsDir, "runs"), marked: new Map() };
  const { text } = await asker.ask("GET", "/openapi.json");
  return {
    told, due: asker.due, ask: asker.ask, session: asker.session, dir,
    socketPath: config.service.socketPath ?? "", uploadsDir: config.paths.uploadsDir,
    traces: () => codex.runs.length + codex.lines.length,
    routes: readRoutes(JSON.parse(text) as Record<string, unknown>),
    samples: samplesOf({ odd, image, sessionId }),
    async send(request) {
      const known = Object.values(request.path).includes(ID) ? await idFor(request.route) : "";
      const before = { runs: codex.runs.length, lines: codex.lines.length };
      rememberMarks(request, surroundings);
      const { method, takesBody } = request.route;
      const hasBody = takesBody || Object.keys(request.body).length > 0;
      const body = hasBody ? request.body : undefined;
      const answer = await asker.ask(method, targetOf(request, known), body, request.header);
      if (answer.status === 202) await asker.over(answer);
      const traces = { runs: codex.runs.slice(before.runs), lines: codex.lines.slice(before.lines) };
      return { ...answer, problems: judgeAnswer(request, answer, traces, surroundings) };
    },
  };
}

interface Asker {
  readonly due: ReadonlyMap<string, number>;
  ask(method: string, target: string, body?: unknown, header?: Record<string, string>): Promise<InjectedAnswer>;
  /** `data` of a POST. @throws (rejects) where it is refused. */
  make(target: string, body?: object): Promise<Record<string, Record<string, string>>>;
  /** The id of a new one. */
  session(): Promise<string>;
  /** Resolves when what was accepted, and goes on behind its answer, has ended. */
  over(answer: InjectedAnswer): Promise<void>;
  close(): void;
}

function createAsker(socketPath: string): Asker {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const due = new Map<string, number>();
  const self: Asker = {
    due,
    async ask(method, target, body, header = {}) {
      const answer = await exchange({ socketPath, agent, method, path: target, headers: header }, body);
      const type = method === "POST" ? MAKING.find(([made]) => made.test(target))?.[1] : undefined;
      // A session that was there before is told with 200.
      const isNew = answer.status < 300 && !answer.replayed && !(type === "session.created" && answer.status === 200);
      if (type !== undefined && isNew) due.set(type, (due.get(type) ?? 0) + 1);
      return answer;
    },
    async make(target, body = {}) {
      const { status, text } = await self.ask("POST", target, body);
      if (status >= 300) throw new Error(`POST ${target} was answered with ${text}`);
      return (JSON.parse(text) as { data: Record<string, Record<string, string>> }).data;
    },
    session: async () => (await self.make("/v1/codexd/sessions"))["session"]?.["sessionId"] ?? "",
    async over({ text }) {
      const { data } = JSON.parse(text) as { data: { run?: { runId: string }; submissionId?: string } };
      if (data.run !== undefined) await self.ask("GET", `/v1/codexd/runs/${data.run.runId}/output?follow=1`);
      if (data.submissionId !== undefined) await self.ask("GET", `/v1/codexd/turns/${data.submissionId}?waitMs=20000`);
    },
    close: () => agent.destroy(),
  };
  return self;
}

/** Gives the id of a record for a route that is about one; what it ends or decides is made anew. */
async function createRecords(
  { ask, make, session }: Asker, sessionId: string,
): Promise<(route: InjectedRoute) => string | Promise<string>> {
  const { turn } = await make("/v1/codexd/turn", { sessionId, prompt: "first", waitMs: 10_000 });
  const { run } = await make("/v1/codexd/runs", { prompt: "first", waitMs: 10_000 });
  const approval = async (): Promise<string> => {
    const asking = await session();
    await make("/v1/codexd/turn", { sessionId: asking, prompt: ASKING });
    const { text } = await ask("GET", `/v1/codexd/approvals?session=${asking}&waitMs=10000`);
    const { data } = JSON.parse(text) as { data: { approvals: ReadonlyArray<{ approvalId: string }> } };
    return data.approvals[0]?.approvalId ?? "";
  };
  const ids: Readonly<Record<string, string | undefined>> = {
    sessions: sessionId, turns: turn?.["submissionId"], runs: run?.["runId"], threads: THREAD, events: "1",
  };
  return ({ path: route, method }) => {
    const kind = route.split("/")[3] ?? "";
    if (kind === "approvals" && method === "POST") return approval();
    return /sessions.*(close|interrupt)$/.test(route) ? session() : ids[kind] ?? "none";
  };
}

function samplesOf({ odd, image, sessionId }: Record<"odd" | "image" | "sessionId", string>): Samples {
  return {
    named: {
      id: ID, seq: ID, sessionId, session: sessionId, threadId: THREAD, waitFor: "end", format: "json",
      cwd: odd, path: image, images: [image], additionalWritableDirectories: [odd], env: { A: "--help" },
      type: "text", url: `data:image/png;base64,${PNG}`, data: PNG, method: "model/list",
      sandboxPolicy: { type: "readOnly" },
    },
    patterned: {
      "^[A-Za-z0-9][A-Za-z0-9_.:/@-]*$": "word-MARK", "^/": odd, "^/[^,]*$": image, "^[^=]+=": "key.MARK=\"--x\"",
      "^[!-~]+$": "key-MARK",
    },
  };
}

function targetOf({ route, path: params, query }: InjectedRequest, known: string): string {
  const filled = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name] === ID ? known : params[name] ?? "";
    return encodeURIComponent(value);
  });
  const pairs = Object.entries(query).map((pair) => pair.map((text) => encodeURIComponent(wellFormed(text))).join("="));
  return pairs.length === 0 ? filled : `${filled}?${pairs.join("&")}`;
}

/** A reply that streams is left as soon as it has begun. */
function exchange(
  options: RequestOptions & { readonly headers: Record<string, string> }, body: unknown,
): Promise<InjectedAnswer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const headers = text === undefined ? options.headers
      : { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)), ...options.headers };
    const sent = httpRequest({ ...options, headers }, (response: IncomingMessage) => {
      const { statusCode: status = 0, headers: { "content-type": type = "", ...others } } = response;
      const replayed = "idempotency-replayed" in others;
      const chunks: Buffer[] = [];
      if (/ndjson|event-stream/.test(type)) {
        resolve({ status, type, text: "", replayed });
        return void sent.destroy();
      }
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject);
      response.on("end", () => resolve({ status, type, replayed, text: Buffer.concat(chunks).toString() }));
    });
    sent.on("error", reject);
    sent.end(text);
  });
}
