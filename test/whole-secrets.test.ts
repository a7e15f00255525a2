// Where secrets get to: a whole daemon that is used with its token in every right and wrong way, whose child and runs
// print it, and that crashes; then a search of all that it has left, said, and given to its processes.
//
// Invariant: outside of the token's own two files there is none, in no form; what a run itself has printed is its own.

import assert from "node:assert/strict";
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { after, test } from "node:test";
import type { RunRecord } from "../src/core/runs.ts";
import { REPOSITORY } from "./support/codex-install.ts";
import type { Daemon } from "./support/daemon.ts";
import { childPid, childrenOf, createSession, eventsOf, runTurn } from "./support/daemon-calls.ts";
import { FAKE_CODEX_PATH } from "./support/fake-codex.ts";
import { secretsBelow, secretsIn, secretsOfProcess, type Secrets } from "./support/secret-search.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const API_KEY = "sk-proj-0123456789abcdefSECRETkey";
const RUN_SECRET = "run-secret-0123456789";
const WRONG_TOKEN = "wrong-token-0123456789012345678901234567890";
const daemons = createWholeDaemons({ after });

/** Node runs it in the daemon before anything else; a signal then is an error that nobody catches. */
const CRASH = "--import=data:text/javascript,process.on('SIGUSR2',()=>{throw(Error('provoked'))})";

test("no secret is in a file, an answer, a log, an event, an argument or what a crash leaves", async () => {
  const stateDir = daemons.makeStateDir();
  const codex = writeTalkingCodex(stateDir);
  const flags = [
    "--log-level", "debug", "--server-command", codex, "--exec-command", codex, "--repo-root", stateDir,
  ];
  const env = { OPENAI_API_KEY: API_KEY, NODE_OPTIONS: CRASH };
  const daemon = await daemons.start({ stateDir, flags, env });
  const secrets: Record<string, string> = { API_KEY, RUN_SECRET, WRONG_TOKEN, token: await daemon.token() };
  const found = await useTheToken(daemon, secrets);
  found.push(...await work(daemon, secrets));

  assert.equal(command(stateDir, "token", "--rotate").status, 0);
  secrets["second token"] = await daemon.token();
  assert.notEqual(secrets["second token"], secrets["token"]);
  found.push(...await useTheToken(daemon, secrets));
  for (const name of ["status", "ps", "doctor", "export", "config"]) {
    const { stdout, stderr } = command(stateDir, name);
    assert.match(stdout, name === "export" ? /Bearer \[redacted\] and \[redacted\] sk-\[redacted\]/ : /\S/, name);
    found.push(...secretsIn(`${stdout}${stderr}`, `codexd ${name}`, secrets));
  }

  const { code } = await daemon.kill("SIGUSR2");
  assert.equal(code, 1);
  assert.match(daemon.stderr(), /provoked/);
  found.push(...secretsIn(daemon.stderr(), "stderr", secrets));
  found.push(...secretsBelow(stateDir, secrets, ["token", "curl-header"]));
  const printed = /^logs\/runs\/\S+\.(stderr|stdout)$/;
  assert.deepEqual(found.filter((hit) => !printed.test(hit.split(" in ")[1] ?? "")), []);
  assert.deepEqual(secretsBelow(stateDir, { token: secrets["second token"] }).sort(), [
    "token (plain) in curl-header", "token (plain) in token",
  ], "the search finds what is there");
});

test("the search finds a secret in each form", () => {
  const secrets: Secrets = { it: "abcdefghij0123456789-_" };
  for (const form of [
    "x abcdefghij0123456789-_ y", Buffer.from(":abcdefghij0123456789-_").toString("base64"),
    Buffer.from("ab:abcdefghij0123456789-_!").toString("base64url"),
    Buffer.from("abcdefghij0123456789-_").toString("hex"),
  ]) assert.notEqual(secretsIn(form, "it", secrets).length, 0, form);
  assert.deepEqual(secretsIn("abcdefghij0123456789", "it", secrets), []);
});

/** A Codex that tells its environment's key and the daemon's token, on both outputs, whatever it is asked. */
function writeTalkingCodex(stateDir: string): string {
  const file = path.join(stateDir, "codex");
  const told = `"Authorization: Bearer $(cat '${stateDir}/token') and $(cat '${stateDir}/token') $OPENAI_API_KEY"`;
  const lines = ["#!/bin/sh", `echo ${told} >&2`, `[ "$1" = exec ] || echo ${told}`];
  writeFileSync(file, [...lines, `exec '${process.execPath}' '${FAKE_CODEX_PATH}' "$@"`, ""].join("\n"));
  chmodSync(file, 0o700);
  return file;
}

/** Rightly, and in every place where it does not belong; gives what answers have of it. */
async function useTheToken(daemon: Daemon, secrets: Secrets): Promise<string[]> {
  const token = await daemon.token();
  const { service } = await daemon.started;
  const found: string[] = [];
  const ask = async (method: string, target: string, headers: Record<string, string>, body?: string): Promise<void> => {
    const text = await answerOf(new URL(target, service.resolvedBaseUrl), method, headers, body);
    found.push(...secretsIn(text, `the answer to ${method} ${target.split("?")[0]}`, secrets));
  };
  const right = { authorization: `Bearer ${token}` };
  const json = { ...right, "content-type": "application/json" };
  for (const target of [
    "/v1/codexd/status", "/v1/codexd/events?after=0&limit=1000", "/v1/codexd/runs", "/v1/codexd/sessions", "/metrics",
    "/openapi.json", "/readyz", "/healthz", "/v1/codexd/codex", `/v1/codexd/status?token=${token}`,
  ]) await ask("GET", target, right);
  for (const authorization of [
    `Bearer ${token}x`, `Basic ${Buffer.from(`:${token}`).toString("base64")}`, token, `Bearer ${WRONG_TOKEN}`,
    `Bearer ${token}, Bearer ${token}`,
  ]) await ask("GET", "/v1/codexd/status", { authorization });
  await ask("GET", "/v1/codexd/status", { cookie: `token=${token}` });
  await ask("GET", `/v1/codexd/status?access_token=${token}`, {});
  await ask("GET", `/v1/codexd/${token}`, {});
  await ask("POST", "/v1/codexd/sessions", json, JSON.stringify({ token }));
  await ask("POST", "/v1/codexd/sessions", json, `{"token": "${token}"`);
  const upgrade = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
  await ask("GET", "/v1/codexd/events", { ...upgrade, ...right, "sec-websocket-key": "bad" });
  await ask("GET", "/v1/codexd/events", { ...upgrade, "sec-websocket-protocol": token });
  return found;
}

/** A turn and runs whose processes print what they have; gives what processes, records and events have of it. */
async function work(daemon: Daemon, secrets: Secrets): Promise<string[]> {
  await runTurn(daemon, await createSession(daemon), "hello");
  const body = { prompt: "HANG", env: { MINE: RUN_SECRET } };
  const started = await daemon.post<{ run: RunRecord }>("/v1/codexd/runs", body);
  await eventsOf(daemon, "run.item", (events) => events.length > 0);
  // The key is theirs by inheritance, and the run's own was given to it.
  const { API_KEY: _, RUN_SECRET: __, ...inherited } = secrets;
  const processes = [daemon.pid, await childPid(daemon), ...childrenOf(daemon.pid)];
  const found = processes.flatMap((pid) => secretsOfProcess(pid, inherited));
  await daemon.post(`/v1/codexd/runs/${started.data.run.runId}/cancel`);
  const failed = await daemon.post<{ run: RunRecord }>("/v1/codexd/runs", { ...body, prompt: "FAIL", waitMs: 20_000 });
  assert.equal(failed.data.run.status, "failed");
  await eventsOf(daemon, "child.stderr", (events) => events.length > 0);
  const shown = [failed.data.run, (await daemon.get(`/v1/codexd/runs/${started.data.run.runId}`)).data];
  return [...found, ...secretsIn(JSON.stringify(shown), "a run", secrets)];
}

function command(stateDir: string, name: string, ...flags: string[]): SpawnSyncReturns<string> {
  const words = [path.join(REPOSITORY, "dist/index.js"), name, "--state-dir", stateDir, ...flags];
  return spawnSync(process.execPath, words, { encoding: "utf8", timeout: 30_000 });
}

function answerOf(
  url: URL, method: string, headers: Record<string, string>, body: string | undefined,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      let text = JSON.stringify(response.rawHeaders);
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk)).on("error", reject);
      response.on("end", () => resolve(text));
    });
    sent.on("error", reject).on("upgrade", (_response, socket) => {
      socket.destroy();
      resolve("");
    });
    sent.end(body);
  });
}
