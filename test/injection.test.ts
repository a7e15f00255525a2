// Hostile requests through every field of every route, hostile uploads, and hostile messages over a WebSocket, on a
// Codex that records what it is given.
//
// A thousand here; any number by CODEXD_INJECTIONS, others by CODEXD_INJECTION_SEED. A failure prints its seed, its
// number and the smallest request that still fails. Invariant: no rule looks at how codexd keeps it.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { runCodexExec } from "../src/child/exec-process.ts";
import type { CodexExecRequest } from "../src/core/runs.ts";
import { FAKE_CODEX_PATH } from "./support/fake-codex.ts";
import { makeRequest, shrink, type InjectedRequest, type InjectedRoute } from "./support/injection-cases.ts";
import {
  judgeAnswer, judgeRun, rememberMarks, type InjectedAnswer, type Surroundings,
} from "./support/injection-judge.ts";
import { judgeMessage, makeMessage, openHostile } from "./support/injection-messages.ts";
import { judgeUpload, makeUpload } from "./support/injection-uploads.ts";
import { openInjectionWorld, type InjectionWorld } from "./support/injection-world.ts";
import { makeTempDir } from "./support/temp-dir.ts";
import type { TestWsClient } from "./support/ws-client.ts";

const COUNT = Number(process.env["CODEXD_INJECTIONS"] ?? 1000);
const SEED = Number(process.env["CODEXD_INJECTION_SEED"] ?? 1);
/** How many also go through processes. */
const PROCESSES = Math.ceil(COUNT / 100);
/** How many uploads, and how many messages. */
const SMALL_COUNT = Math.ceil(COUNT / 10);

/** What a process of the fake writes down. */
interface Dump {
  readonly args: string[];
  readonly env: Record<string, string>;
  readonly cwd: string;
  readonly stdin: string;
}

test("no field of any route becomes anything but itself, and what is refused has left nothing", async (t) => {
  const world = await openInjectionWorld(t);
  const statuses = new Map<string, Set<number>>();
  for (let number = 0; number < COUNT; number += 1) {
    const request = makeRequest(world.routes, world.samples, SEED, number);
    const answer = await world.send(request);
    if (answer.problems.length > 0) assert.fail(await story(world, request, answer.problems, number));
    const name = nameOf(request.route);
    statuses.set(name, (statuses.get(name) ?? new Set()).add(answer.status));
  }
  for (const [type, count] of world.due) assert.equal(world.told.get(type), count, `${type}: of what was taken alone`);
  if (COUNT < 1000) return;
  const inBody = ({ fields }: InjectedRoute): number => fields.filter(({ where }) => where === "body").length;
  for (const route of world.routes.filter((one) => inBody(one) > 2)) {
    const seen = [...statuses.get(nameOf(route)) ?? []];
    assert.ok(seen.includes(400), `${nameOf(route)} refuses something`);
    assert.ok(seen.some((status) => status < 300), `${nameOf(route)} takes something: ${seen.join()}`);
  }
});

test("what passes for a run is as harmless in a process", async (t) => {
  const dir = makeTempDir(t);
  const world = await openInjectionWorld(t);
  const routes = world.routes.filter((route) => nameOf(route) === "POST /v1/codexd/runs");
  const env = { PATH: process.env["PATH"] ?? "", HOME: dir, BAA_CODEXD_TOKEN: "hunter2" };
  let [number, ran] = [0, 0];
  for (; ran < PROCESSES && number < PROCESSES * 30; number += 1) {
    const { body, ...rest } = makeRequest(routes, world.samples, SEED, number);
    const dump = path.join(dir, `${number}.json`);
    const asked = { ...body, prompt: `DUMP=${dump}; ${String(body["prompt"])}` } as unknown as CodexExecRequest;
    const command = { command: process.execPath, commandArgs: [FAKE_CODEX_PATH], timeoutMs: undefined };
    await runCodexExec({ ...asked, ...command }, { env, scratchDir: dir });
    if (!existsSync(dump)) continue;
    ran += 1;
    const { args, env: had, cwd, stdin } = JSON.parse(readFileSync(dump, "utf8")) as Dump;
    const recorded = { args: ["exec", ...args], options: { cwd, env: had }, stdin: () => stdin };
    const surroundings: Surroundings = { env, runsDir: dir, marked: new Map() };
    const request = { ...rest, body: { ...asked } } as unknown as InjectedRequest;
    assert.deepEqual(judgeRun(recorded, request, surroundings), [], `seed ${SEED}, number ${number}`);
  }
  assert.equal(ran, PROCESSES);
});

test("an upload becomes a file of codexd's own making with the bytes that were sent, or nothing", async (t) => {
  const world = await openInjectionWorld(t);
  let sessionId = "";
  for (let number = 0; number < SMALL_COUNT; number += 1) {
    // A session takes no more than 100.
    if (number % 100 === 0) sessionId = await world.session();
    const upload = makeUpload(sessionId, SEED, number);
    assert.deepEqual(await judgeUpload(world, upload), [], `seed ${SEED}, number ${number}: ${JSON.stringify(upload)}`);
  }
  const taken = readdirSync(world.uploadsDir, { recursive: true }).length;
  assert.ok(taken > SMALL_COUNT / 10 && taken < SMALL_COUNT, `${taken} of ${SMALL_COUNT} were taken`);
});

test("what is said over a WebSocket becomes an answer, or its end, and nothing else", async (t) => {
  const world = await openInjectionWorld(t);
  const sessionId = await world.session();
  const before = world.traces();
  let client: TestWsClient | null = null;
  for (let number = 0; number < SMALL_COUNT; number += 1) {
    if (number % 5 === 0) client?.destroy();
    if (number % 5 === 0 || client === null) client = await openHostile(world.socketPath, SEED, number);
    if (client === null) continue;
    const text = makeMessage(sessionId, SEED, number);
    const { problems, ended } = await judgeMessage(client, text);
    assert.deepEqual(problems, [], `seed ${SEED}, number ${number}: ${JSON.stringify(text)}`);
    if (ended) client = null;
  }
  client?.destroy();
  assert.equal(world.traces(), before, "Codex is told of none of it");
});

test("the judge sees an option, a variable, a directory and a prompt that were not asked for", () => {
  const body = { prompt: "-x", model: "m", env: { A: "1", LD_PRELOAD: "/x" } };
  const request = { body } as unknown as InjectedRequest;
  const surroundings: Surroundings = { env: { MINE: "1", CODEXD_URL: "x" }, runsDir: "/runs", marked: new Map() };
  const args = ["exec", "--json", "--model=m", "-"];
  const judge = (more: { args?: string[]; cwd?: string; env?: Record<string, string>; stdin?: string }): string[] =>
    judgeRun({
      args: more.args ?? args, options: { cwd: more.cwd ?? "/", env: more.env ?? { A: "1", MINE: "1" } },
      stdin: () => more.stdin ?? "-x",
    }, request, surroundings);
  assert.deepEqual(judge({}), []);
  for (const wrong of ["exec --model m -", "exec --model=n -", "exec -x -", "exec -x", "--json -"]) {
    assert.notEqual(judge({ args: wrong.split(" ") }).length, 0, wrong);
  }
  for (const env of [{ A: "2" }, { LD_PRELOAD: "/x" }, { CODEXD_URL: "x" }, { OTHER: "1" }, { A: "1\0" }]) {
    assert.notEqual(judge({ env: env as Record<string, string> }).length, 0, JSON.stringify(env));
  }
  assert.notEqual(judge({ cwd: "tmp" }).length, 0);
  assert.notEqual(judge({ stdin: "-x\n" }).length, 0);
});

test("the judge sees a line that is not JSON, a text out of its place, and what a refusal has left", () => {
  const route: InjectedRoute = {
    method: "POST", path: "/v1/codexd/turn", fields: [{ name: "model", where: "body", schema: {} }], required: [],
    takesBody: true,
  };
  const request: InjectedRequest = { route, target: "model", path: {}, query: {}, header: {}, body: { model: "zq1z" } };
  const surroundings: Surroundings = { env: {}, runsDir: "/runs", marked: new Map() };
  rememberMarks(request, surroundings);
  const judge = (line: string | null, more: Partial<InjectedAnswer> = {}): string[] => judgeAnswer(
    request, { status: 200, type: "application/json", text: "{}", replayed: false, ...more },
    { runs: [], lines: line === null ? [] : [line] }, surroundings,
  );
  const refused = { status: 400, text: '{"ok":false,"error":"bad_request","message":"model: must be a word"}' };
  const good = '{"id":1,"method":"turn/start","params":{"model":"zq1z"}}';
  assert.deepEqual([...judge(good), ...judge(null, refused)], []);
  for (const line of [
    good.slice(1), good.replace("model", "effort"), good.replace("turn/start", "zq1z"), good.replace("zq1z", "-zq1z-"),
    good.replace("}}", "},\"zq1z\":1}"), good.replace("zq1z", "\\ud800"), "[]",
  ]) assert.notEqual(judge(line).length, 0, line);
  assert.notEqual(judge(good, refused).length, 0, "it was told although it was refused");
  assert.notEqual(judge(null, { ...refused, text: refused.text.replace("model:", "it") }).length, 0);
  assert.notEqual(judge(null, { ...refused, status: 500 }).length, 0);
});

test("a failing request is made smaller until nothing more can go", async () => {
  const route = { method: "POST", path: "/", fields: [], required: [], takesBody: true };
  const body = { other: 1, list: [{ a: 1 }, { text: "aaaaaaaa--trustaaaa", more: [1, 2] }] };
  const request: InjectedRequest = { route, target: "list", path: {}, query: { q: "1" }, header: {}, body };
  const smallest = await shrink(request, async (tried) => JSON.stringify(tried.body).includes("--trust"));
  assert.deepEqual([smallest.query, smallest.body["other"]], [{}, undefined]);
  assert.ok(JSON.stringify(smallest.body).length <= '{"list":[{"text":"--trust"}]}'.length, JSON.stringify(smallest));
});

function nameOf({ method, path: route }: InjectedRoute): string {
  return `${method} ${route}`;
}

async function story(
  world: InjectionWorld, request: InjectedRequest, problems: readonly string[], number: number,
): Promise<string> {
  const smallest = await shrink(request, async (candidate) => (await world.send(candidate)).problems.length > 0);
  const { route, ...parts } = smallest;
  return `seed ${SEED}, number ${number}: ${problems.join("; ")}\n${nameOf(route)} ${JSON.stringify(parts, null, 1)}`;
}
