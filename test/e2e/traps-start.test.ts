// How the real Codex starts, frames its messages and keeps its threads, where that surprises a client: what codexd
// makes of each, and what it says on the wire itself.
//
// The numbers are those of support/codex-traps.ts. What other files show already is named there, and not here again.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readlinkSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { ChildState, SessionRecord, TurnRecord } from "../../src/core/records.ts";
import { CODEX_PREFIX, CODEX_VERSION, codexBinary, codexHomeEnv } from "../support/codex-install.ts";
import type { Daemon, Refusal } from "../support/daemon.ts";
import { openEventStream, type EventStream } from "../support/event-stream.ts";
import {
  childPidOf, createSession, endOfTurn, prepareRealCodex, runTurn, startTurn, type RealCodex,
} from "../support/real-codex.ts";

const OLD = CODEX_VERSION === "0.116.0";
const UNKNOWN = "01a20386-1d83-73e1-b032-0eef13a44d37";
const TEXT_CHARS_MAX = 1_048_576;

async function restart(daemon: Daemon): Promise<ChildState> {
  const { status, data } = await daemon.post<{ child: ChildState }>("/v1/codexd/child/restart");
  assert.equal(status, 200);
  return data.child;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
}

interface Made {
  readonly session: SessionRecord;
}

const homeOf = ({ stateDir }: RealCodex): string => path.join(path.dirname(stateDir), "home");

describe("a real Codex that does not start as it should", () => {
  const wrapper = path.join(CODEX_PREFIX, "node_modules", ".bin", "codex");
  let real: RealCodex;
  let daemon: Daemon;
  let stream: EventStream;
  let configFile: string;
  let config: string;

  before(async () => {
    real = await prepareRealCodex("traps-start");
    configFile = path.join(homeOf(real), "config.toml");
    config = readFileSync(configFile, "utf8");
    daemon = await real.start(existsSync(wrapper) ? ["--server-command", wrapper] : []);
    stream = await openEventStream(daemon);
  });
  after(() => real.remove());

  const skip = process.platform !== "linux" || !existsSync(wrapper) || process.env["CODEX_BIN"] !== undefined;
  test("one process, which a SIGKILL ends, is started and not npm's wrapper [trap 0.1]", { skip }, async () => {
    await createSession(daemon);
    const pid = await childPidOf(daemon);
    assert.equal(readlinkSync(`/proc/${pid}/exe`), realpathSync(codexBinary()));
    process.kill(pid, "SIGKILL");
    const exited = await stream.waitFor(({ type, detail }) => type === "child.exited" && detail["pid"] === pid);
    assert.equal(exited.detail["signal"], "SIGKILL");
  });

  // 0.116 says so only when its stdin ends.
  test("a home that is not there is told in Codex's words, and tried again [trap 0.2]", { skip: OLD }, async () => {
    const home = homeOf(real);
    const words = /exited with code 1; it said: .*CODEX_HOME points to .* but that path does not exist$/;
    renameSync(home, `${home}-away`);
    const restarted = restart(daemon);
    const exited = await stream.waitFor(({ type, message }) => type === "child.exited" && words.test(message));
    renameSync(`${home}-away`, home);
    assert.equal(exited.detail["exitCode"], 1);
    assert.equal((await restarted).status, "running");
  });

  test("a configuration that is refused is told, and not tried again [trap 0.5]", { skip: OLD }, async () => {
    writeFileSync(configFile, `approval_policy = "untrusted"\n${config}`);
    const { status, exitCode, lastError } = await restart(daemon);
    assert.deepEqual([status, exitCode], ["failed", 1]);
    writeFileSync(configFile, config);
    const words = /approval_policy = "untrusted" is no longer .*; it refuses its configuration, so it is not started/;
    assert.match(lastError ?? "", words);
    assert.equal((await restart(daemon)).status, "running");
  });

  test("a configuration that cannot be read fails what needs it, and is read anew each time [trap 0.4]", async () => {
    writeFileSync(configFile, "model\n");
    assert.equal((await restart(daemon)).status, "running");
    const { status, data } = await daemon.post<Refusal>("/v1/codexd/sessions", {});
    assert.deepEqual([status, data.error], [502, "app_server_error"]);
    assert.match(data.message, /failed to load configuration: .*config\.toml:1:6: key with no value/);
    writeFileSync(configFile, config);
    await createSession(daemon);
  });

  test("a sandbox that may write makes Codex trust the repository, one that may not does not [trap 0.7]", async () => {
    execFileSync("git", ["init", "--quiet", real.workDir]);
    const section = `[projects.${JSON.stringify(real.workDir)}]`;
    for (const [sandbox, trusted] of [["read-only", false], ["workspace-write", !OLD]] as const) {
      const { status, data } = await daemon.post("/v1/codexd/sessions", { cwd: real.workDir, sandbox });
      assert.equal(status, 201, JSON.stringify(data));
      assert.equal(readFileSync(configFile, "utf8").includes(section), trusted, sandbox);
    }
  });
});

describe("on the wire of a real Codex", () => {
  let real: RealCodex;
  let daemon: Daemon;
  let stream: EventStream;

  before(async () => {
    real = await prepareRealCodex("traps-wire");
    const script = path.join(real.stateDir, "..", "codex.sh");
    const [sent, said] = ["sent", "said"].map((name) => path.join(homeOf(real), name));
    // Loud, so that it says something on stderr. What is passed on has been written down before.
    const keep = (file = ""): string => `tee /dev/fd/3 3>&1 >>'${file}'`;
    const line = `${keep(sent)} | RUST_LOG=info '${codexBinary()}' "$@" | ${keep(said)} | cat`;
    writeFileSync(script, `#!/bin/sh\n${line}\n`, { mode: 0o700 });
    daemon = await real.start(["--server-command", script]);
    stream = await openEventStream(daemon);
  });
  after(() => real.remove());

  /** All that one side has said; throws where that is not UTF-8, or no JSON. */
  const messages = (name: "sent" | "said"): Message[] => {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path.join(homeOf(real), name)));
    return text.trimEnd().split("\n").map((line) => JSON.parse(line) as Message);
  };
  const said = (): Message[] => messages("said");
  /** What codexd has called, of one method or of all. */
  const sent = (method?: string): Message[] =>
    messages("sent").filter((message) => method === undefined || message.method === method);

  const rpc = <T = { stdout: string }>(method: string, params?: object) =>
    daemon.post<{ result: T } & Refusal>("/v1/codexd/rpc", { method, params });

  test("what Codex says on stderr is told and kept without its colours [trap 0.3]", async () => {
    await createSession(daemon);
    const { detail } = await stream.waitFor(({ type, detail: { text } }) => {
      return type === "child.stderr" && / (INFO|ERROR|WARN) /.test(String(text));
    });
    assert.ok(!String(detail["text"]).includes("\u001b"));
  });

  test("what experimental methods and fields need is asked for in the handshake [trap 1.5]", async () => {
    assert.deepEqual(sent("initialize")[0]?.params?.["capabilities"], { experimentalApi: true });
    const { threadId } = await createSession(daemon);
    assert.equal((await rpc("thread/backgroundTerminals/clean", { threadId })).status, 200);
  });

  test("a text as long as Codex takes is taken, a longer one is refused before it [trap 1.7]", async () => {
    const { sessionId } = await createSession(daemon);
    const text = "x".repeat(TEXT_CHARS_MAX);
    const { status, data } = await daemon.post<Refusal>("/v1/codexd/turn", { sessionId, input: `${text}.` });
    assert.deepEqual([status, data.message], [400, "input: must be at most 1048576 characters, got 1048577"]);
    await startTurn(daemon, sessionId, text);
    assert.equal((await daemon.post(`/v1/codexd/sessions/${sessionId}/interrupt`)).status, 200);
  });

  test("half of a character does not leave a call without an answer [trap 1.13]", async () => {
    const { sessionId } = await createSession(daemon);
    const turn = await runTurn(daemon, sessionId, "cut within \ud83d TEXT=heard;");
    assert.deepEqual([turn.status, turn.finalMessage], ["completed", "heard"]);
    const [item] = sent("turn/start").at(-1)?.params?.["input"] as Array<{ text: string }>;
    assert.equal(item?.text, "cut within \ufffd TEXT=heard;");
  });

  test("answers that come out of order reach those who asked [trap 1.10]", async () => {
    const slow = rpc("command/exec", { command: ["sh", "-c", "sleep 0.2; echo slow"] });
    const words = ["one\n", "two\n"];
    const quick = await Promise.all(words.map((word) => rpc("command/exec", { command: ["printf", word] })));
    assert.deepEqual(quick.map(({ data }) => data.result.stdout), words);
    assert.equal((await slow).data.result.stdout, "slow\n");
    const ids = said().filter(({ method }) => method === undefined).map(({ id }) => Number(id));
    assert.notDeepEqual(ids, ids.toSorted((a, b) => a - b));
  });

  test("more calls than Codex has room for are all answered, and have parameters [trap 1.4, 1.11]", async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => rpc("thread/loaded/list")));
    assert.deepEqual(answers.filter(({ status }) => status !== 200), []);
    assert.deepEqual(sent("thread/loaded/list").at(-1)?.params, {});
  });

  test("a directory that Codex would take, though it is none or relative, is refused [trap 2.2]", async () => {
    for (const cwd of [path.join(real.workDir, "missing"), "relative"]) {
      assert.equal((await rpc("thread/start", { cwd })).status, 200);
      const { status, data } = await daemon.post<Refusal>("/v1/codexd/sessions", { cwd });
      assert.equal(status, 400);
      assert.match(data.message, /cwd/);
    }
  });

  test("a thread is told to have started behind its answer, and is the session's by then [trap 2.3]", async () => {
    const { sessionId, threadId } = await createSession(daemon);
    const event = await stream.waitFor(({ type, detail }) => {
      return type === "app-server.thread.started" && detail.threadId === threadId;
    });
    assert.equal(event.detail.sessionId, sessionId);
    const about = said().filter(({ method, result, params }) => {
      const thread = (result ?? params)?.["thread"] as { id?: string } | undefined;
      return thread?.id === threadId && (method === undefined || method === "thread/started");
    });
    assert.deepEqual(about.map(({ method }) => method), [undefined, "thread/started"]);
  });

  test("a thread is resumed without its history, and without a notice that this is old [trap 2.6]", async () => {
    const { sessionId, threadId } = await createSession(daemon);
    await runTurn(daemon, sessionId, "TEXT=history;");
    await restart(daemon);
    await runTurn(daemon, sessionId, "TEXT=more;");
    const resume = sent("thread/resume").find(({ params }) => params?.["threadId"] === threadId);
    assert.equal(resume?.params?.["excludeTurns"], true);
    const answer = said().findLast(({ id, method }) => id === resume?.id && method === undefined);
    if (!OLD) assert.deepEqual((answer?.result?.["thread"] as { turns: unknown[] }).turns, []);
    assert.deepEqual(said().filter(({ method }) => method === "deprecationNotice"), []);
  });

  test("what a loaded thread does not take is not said to be in force [trap 2.9]", async () => {
    const params = { approvalPolicy: "never", sandbox: "read-only" };
    const { sessionId, threadId } = (await daemon.post<Made>("/v1/codexd/sessions", params)).data.session;
    await runTurn(daemon, sessionId, "DELTAS=1");
    await daemon.post(`/v1/codexd/sessions/${sessionId}/close`);
    const body = { threadId, approvalPolicy: "on-request", sandbox: "danger-full-access" };
    const { status, data } = await daemon.post<Made>("/v1/codexd/sessions", body);
    assert.equal(status, 201);
    assert.deepEqual([data.session.approvalPolicy, data.session.sandbox], ["never", "read-only"]);
  });

  test("a thread that is not there is told in Codex's words, whichever they are [trap 2.11]", async () => {
    const unknown = /no rollout found for thread id|thread not loaded|thread not found/;
    for (const [id, words] of [[UNKNOWN, unknown], ["nobody", /invalid (?:session|thread) id/]] as const) {
      const route = `/v1/codexd/threads/${id}`;
      const refusals = await Promise.all([
        ...["fork", "archive", "compact"].map((how) => daemon.post<Refusal>(`${route}/${how}`)),
        daemon.get<Refusal>(route), daemon.post<Refusal>("/v1/codexd/sessions", { threadId: id }),
      ]);
      for (const { status, data } of refusals) {
        assert.deepEqual([status, data.error], [502, "app_server_error"]);
        assert.match(data.message, words);
      }
    }
  });

  test("a fork's turns have the names of its origin's, which stay its origin's alone [trap 2.13]", async () => {
    const { sessionId, threadId } = await createSession(daemon);
    const turn = await runTurn(daemon, sessionId, "TEXT=origin;");
    const { data } = await daemon.post<{ thread: { id: string } }>(`/v1/codexd/threads/${threadId}/fork`);
    const fork = await daemon.post<Made>("/v1/codexd/sessions", { threadId: data.thread.id });
    const own = await runTurn(daemon, fork.data.session.sessionId, "TEXT=fork;");
    const route = `/v1/codexd/threads/${data.thread.id}?turns=1`;
    const { thread } = (await daemon.get<{ thread: { turns: Array<{ id: string }> } }>(route)).data;
    assert.deepEqual(thread.turns.map(({ id }) => id), [turn.turnId, own.turnId]);
    assert.deepEqual(await endOfTurn(daemon, turn.turnId ?? ""), turn);
    const list = `/v1/codexd/sessions/${fork.data.session.sessionId}/turns`;
    const { data: { turns } } = await daemon.get<{ turns: TurnRecord[] }>(list);
    assert.deepEqual(turns.map(({ turnId }) => turnId), [own.turnId]);
    assert.equal(own.tokenUsage?.totalTokens, 110);
  });

  test("a thread whose turn runs is neither archived nor left without its events [trap 2.14, 2.15]", async () => {
    const { sessionId, threadId } = await createSession(daemon);
    const { turnId } = await startTurn(daemon, sessionId, "DELTAS=20 RATE=100");
    const taken = [
      await daemon.post(`/v1/codexd/threads/${threadId}/archive`), await rpc("thread/archive", { threadId }),
      await rpc("thread/unsubscribe", { threadId }),
    ];
    assert.deepEqual(taken.map(({ status }) => status), [409, 409, 400]);
    assert.match((await endOfTurn(daemon, turnId)).finalMessage ?? "", /tok19 $/);
  });

  test("threads that codex exec has made are listed when they are asked for [trap 2.16]", async () => {
    const args = ["exec", "--skip-git-repo-check", "-C", real.workDir, "TEXT=from exec;"];
    const env = { ...process.env, ...codexHomeEnv(homeOf(real)) };
    await once(spawn(codexBinary(), args, { env, stdio: "ignore" }), "exit");
    const previews = async (query: string): Promise<string[]> => {
      const { data } = await daemon.get<{ threads: Array<{ preview: string }> }>(`/v1/codexd/threads${query}`);
      return data.threads.map(({ preview }) => preview).filter((preview) => preview.includes("from exec"));
    };
    assert.deepEqual([(await previews("")).length, (await previews("?source=exec")).length], [0, 1]);
  });

  test("all that was said is JSON without a version, all that was sent has what Codex answers [trap 1.1, 1.8]", () => {
    assert.deepEqual(said().filter((message) => "jsonrpc" in message), []);
    for (const { id, method, params } of sent()) {
      if (method === "initialized") continue;
      assert.ok(Number.isInteger(id) && typeof params === "object", method);
    }
  });
});
