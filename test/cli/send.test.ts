// send: what is asked for, what goes where while it goes on, and what it exits with.
//
// The daemon is a list of answers; its events are written down beforehand.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import path from "node:path";
import { describe, test } from "node:test";
import { answerJson, type SeenRequest } from "../support/cli-daemon.ts";
import { commandsOn } from "../support/cli-answers.ts";
import type { FakeIo } from "../support/cli-io.ts";
import { agent, finished, liveStream, receipt, sendAnswers, STARTED } from "../support/send-answers.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const TERMINAL = { stdoutIsTerminal: true, stderrIsTerminal: true };
const SAID = "codexd: ses_1; --session ses_1 goes on with it\n";
const bodyOf = (seen: readonly SeenRequest[], url: string) => {
  return JSON.parse(seen.find((request) => request.url === url && request.method === "POST")?.body ?? "null");
};

describe("send", () => {
  test("creates a session, asks, and prints what was said on standard output alone", async (t) => {
    const { command, daemon } = await commandsOn(t, sendAnswers(
      agent.started("m1"), agent.delta("m1", "He"), agent.delta("m1", "llo"), agent.completed("m1", "Hello"),
      finished(),
    ));
    const flags = ["--cwd", "sub", "--model", "m", "--effort", "high", "--sandbox", "read-only",
      "--approval-policy", "never"];
    const { code, out, err } = await command(["send", "say hello", ...flags]);
    assert.deepEqual([code, out, err], [0, "Hello\n", SAID]);
    assert.deepEqual(bodyOf(daemon.seen, "/v1/codexd/sessions"), {
      cwd: "/home/ada/repo/sub", model: "m", reasoningEffort: "high", sandbox: "read-only", approvalPolicy: "never",
    });
    assert.deepEqual(bodyOf(daemon.seen, "/v1/codexd/turn"), {
      sessionId: "ses_1", input: [{ type: "text", text: "say hello" }],
    });
    const follow = daemon.seen.find(({ url }) => url.includes("format=ndjson"))?.url ?? "";
    assert.match(follow, /after=10&session=ses_1&type=turn\.accepted%2Cturn\.finished%2Capproval\.\*/);
    assert.doesNotMatch(follow, /delta/);
  });

  test("goes on with a session that is named, and gives it what was asked for", async (t) => {
    const { command, daemon } = await commandsOn(t, sendAnswers(agent.completed("m1", "Hi"), finished()));
    const { code, err } = await command(["send", "--session", "ses_1", "x", "--model", "m", "--effort", "low"]);
    assert.deepEqual([code, err], [0, ""]);
    assert.equal(bodyOf(daemon.seen, "/v1/codexd/sessions"), null);
    assert.deepEqual(bodyOf(daemon.seen, "/v1/codexd/turn"), {
      sessionId: "ses_1", input: [{ type: "text", text: "x" }], model: "m", effort: "low",
    });
  });

  test("with --queue waits for the turn that runs, and says so where it has to", async (t) => {
    for (const [turnId, said] of [[null, "codexd: sub_1 is queued behind another turn of the session\n"], ["t1", ""]]) {
      const accepted = { type: "turn.accepted", detail: { submissionId: "sub_1", turnId: "t1" } };
      const answers = sendAnswers(accepted, finished());
      const { command, daemon } = await commandsOn(t, { ...answers, "POST /turn": { ...STARTED, turnId } });
      const { code, err } = await command(["send", "--session", "ses_1", "x", "--queue"]);
      assert.deepEqual([code, err, bodyOf(daemon.seen, "/v1/codexd/turn").whenBusy], [0, said, "queue"]);
    }
  });

  test("streams to a terminal, where a remark does not stand in the middle of a line", async (t) => {
    const { command } = await commandsOn(t, sendAnswers(
      agent.delta("m1", "He"), { type: "turn.accepted", detail: { submissionId: "sub_1", turnId: "t1" } },
      agent.item("started", { type: "commandExecution", id: "c1", command: "ls" }),
      agent.delta("m2", "Bye"), agent.completed("m2", "Bye"), finished(),
    ));
    const parts: string[] = [];
    const { code } = await command(["send", "x"], { ...TERMINAL, onStdout: (text) => void parts.push(text) });
    assert.equal(code, 0);
    assert.deepEqual(parts, ["He", "\n", "Bye", "\n"]);
  });

  test("leaves other turns' events out, and knows its own when Codex answers late", async (t) => {
    const answers = sendAnswers(
      {
        type: "app-server.item.completed",
        detail: { turnId: "t0", item: { type: "agentMessage", id: "m0", text: "no" } },
      },
      { type: "turn.finished", detail: { turnId: "t0", submissionId: "sub_0", status: "failed" } },
      { type: "turn.accepted", detail: { submissionId: "sub_1", turnId: "t1" } },
      agent.completed("m1", "mine"), finished(),
    );
    const { command } = await commandsOn(t, { ...answers, "POST /turn": { ...STARTED, turnId: null } });
    const { code, out } = await command(["send", "x"]);
    assert.deepEqual([code, out], [0, "mine\n"]);
  });

  test("is 1 when the turn has failed, or somebody else has ended it, with the reason", async (t) => {
    for (const [status, error, said] of [
      ["failed", { message: "no\nmodel\u001b[2J" }, "the turn has failed: no model [2J"],
      ["interrupted", null, "the turn has been interrupted"],
      ["interrupted", { message: "the daemon has stopped" }, "the turn has been interrupted: the daemon has stopped"],
    ] as const) {
      const { command } = await commandsOn(t, sendAnswers(finished(status, error)));
      const { code, out, err } = await command(["send", "x"]);
      assert.deepEqual([code, out, err], [1, "", `${SAID}codexd: ${said}\n`]);
    }
  });

  test("with --json gives the receipt and nothing else, whatever the outcome", async (t) => {
    for (const [status, code] of [["completed", 0], ["failed", 1]] as const) {
      const answers = sendAnswers(agent.completed("m1", "Hello"), finished(status));
      const turn = receipt({ status });
      const { command } = await commandsOn(t, { ...answers, "GET /turns/sub_1": turn });
      const outcome = await command(["send", "x", "--json"], TERMINAL);
      assert.equal(outcome.code, code);
      assert.deepEqual(JSON.parse(outcome.out), turn.turn);
      assert.equal(outcome.err, status === "failed" ? "codexd: the turn has failed\n" : "");
    }
  });

  test("waits for the receipt of a daemon that is just starting again", async (t) => {
    let asked = 0;
    const answers = sendAnswers(finished());
    const { command } = await commandsOn(t, {
      ...answers,
      "GET /turns/sub_1": (response: ServerResponse) => {
        asked += 1;
        if (asked === 1) response.destroy();
        else response.end(JSON.stringify({ ok: true, data: receipt() }));
      },
    });
    const { code, out } = await command(["send", "x", "--json"]);
    assert.deepEqual([code, asked, JSON.parse(out).status], [0, 2, "completed"]);
  });

  test("takes a schema, says when the answer does not follow it, and takes images", async (t) => {
    const dir = makeTempDir(t);
    writeFileSync(path.join(dir, "schema.json"), '{"type":"object"}');
    writeFileSync(path.join(dir, "cat.png"), "png");
    const turn = receipt({ structuredOutputError: "the answer is\nno JSON" });
    const answers = { ...sendAnswers(agent.completed("m1", "x"), finished()), "GET /turns/sub_1": turn };
    const upload = { upload: { uploadId: "upl_1", path: "/state/uploads/ses_1/upl_1.png" } };
    const { command, daemon } = await commandsOn(t, { ...answers, "POST /uploads": upload });
    const flags = ["--output-schema", "schema.json", "--image", "cat.png"];
    const { code, err } = await command(["send", "x", ...flags], { cwd: dir });
    assert.deepEqual([code, err], [0, `${SAID}codexd: the answer does not follow the schema: the answer is no JSON\n`]);
    assert.deepEqual(bodyOf(daemon.seen, "/v1/codexd/turn"), {
      sessionId: "ses_1", outputSchema: { type: "object" },
      input: [{ type: "text", text: "x" }, { type: "localImage", path: "/state/uploads/ses_1/upl_1.png" }],
    });
    assert.match(daemon.seen.find(({ url }) => url.startsWith("/v1/codexd/uploads"))?.body ?? "", /^png$|"cG5n"/);
  });

  test("closes the session at the end, but not one that takes no turn now", async (t) => {
    const closed = { session: {}, turn: null, stopped: [], survived: [] };
    const answers = { ...sendAnswers(finished()), "POST /sessions/ses_1/close": closed };
    const { command, daemon } = await commandsOn(t, answers);
    const { code, err } = await command(["send", "x", "--close"]);
    assert.deepEqual([code, err], [0, "codexd: ses_1; closed at the end\n"]);
    assert.equal(daemon.seen.at(-1)?.url, "/v1/codexd/sessions/ses_1/close");
    const refusing = await commandsOn(t, { "POST /sessions/ses_1/close": closed });
    const refused = await refusing.command(["send", "x", "--session", "ses_1", "--close"]);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /answered: there is no POST \/turn \(not_found\)/);
    assert.ok(!refusing.daemon.seen.some(({ url }) => url.endsWith("/close")));
    const unclosed = await commandsOn(t, sendAnswers(finished()));
    assert.match((await unclosed.command(["send", "x", "--close"])).err, /ses_1 could not be closed: there is no POST/);
  });

  test("says so when it is not known whether the turn runs", async (t) => {
    const breakOff = (response: ServerResponse): void => void response.destroy();
    const { command } = await commandsOn(t, { ...sendAnswers(), "POST /turn": breakOff });
    const { code, err } = await command(["send", "x"]);
    assert.equal(code, 1);
    assert.match(err, /the request to .* failed: .*; whether the turn runs is not known, codexd ps tells\n$/);
  });

  test("no daemon is 3", async (t) => {
    const { command, daemon } = await commandsOn(t, {});
    await daemon.close();
    assert.equal((await command(["send", "x"])).code, 3);
  });
});

describe("Ctrl-C during send", () => {
  const running = receipt({ status: "inProgress", lastSeq: null });
  const json = (response: ServerResponse, data: unknown): void => void response.end(JSON.stringify({ ok: true, data }));

  test("ends the turn, waits for its end and is 130; the receipt is printed all the same", async (t) => {
    let io: FakeIo | undefined;
    let ended = false;
    const live = liveStream(() => io?.raise("SIGINT"));
    const { command } = await commandsOn(t, {
      ...sendAnswers(),
      "GET /events": live.answer,
      "GET /turns/sub_1": (response: ServerResponse) => {
        json(response, ended ? receipt({ status: "interrupted" }) : running);
      },
      "POST /turns/sub_1/interrupt": (response: ServerResponse) => {
        ended = true;
        json(response, { turn: {}, stopped: [], survived: [{ pid: 7, command: "sleep 9" }] });
        setImmediate(() => live.push(finished("interrupted")));
      },
    });
    const { code, out, err } = await command(["send", "x", "--json"], {}, (made) => (io = made));
    assert.deepEqual([code, JSON.parse(out).status], [130, "interrupted"]);
    assert.match(err, /^codexd: ending the turn; Ctrl-C again leaves at once\n/);
    assert.match(err, /codexd: the turn has been interrupted\n/);
    assert.equal(io?.listeners(), 0);
  });

  test("twice leaves at once", async (t) => {
    let io: FakeIo | undefined;
    const { command } = await commandsOn(t, {
      ...sendAnswers(), "GET /turns/sub_1": running,
      "GET /events": liveStream(() => io?.raise("SIGINT")).answer,
      "POST /turns/sub_1/interrupt": () => void setImmediate(() => io?.raise("SIGTERM")),
    });
    const { code, err } = await command(["send", "x"], {}, (made) => (io = made));
    assert.deepEqual([code, err], [130, `${SAID}codexd: ending the turn; Ctrl-C again leaves at once\n`]);
  });

  test("leaves a turn alone that has ended, and says so", async (t) => {
    let io: FakeIo | undefined;
    const live = liveStream(() => io?.raise("SIGINT"));
    const { command, daemon } = await commandsOn(t, {
      ...sendAnswers(),
      "GET /events": live.answer,
      "GET /turns/sub_1": (response: ServerResponse) => {
        json(response, receipt());
        live.push(finished());
      },
    });
    const { code, err } = await command(["send", "x"], {}, (made) => (io = made));
    assert.equal(code, 130);
    assert.match(err, /the turn had been completed before/);
    assert.ok(!daemon.seen.some(({ url }) => url.endsWith("/interrupt")));
  });

  test("says when the turn cannot be ended; one that is refused is nobody's to end", async (t) => {
    let io: FakeIo | undefined;
    const live = liveStream(() => io?.raise("SIGINT"));
    const failing = await commandsOn(t, {
      ...sendAnswers(), "GET /turns/sub_1": running, "GET /events": live.answer,
      "POST /turns/sub_1/interrupt": (response: ServerResponse) => {
        answerJson(response, 503, { ok: false, error: "child_failed", message: "Codex is\ngone" });
        setImmediate(() => live.push(finished("failed")));
      },
    });
    const failed = await failing.command(["send", "x"], {}, (made) => (io = made));
    assert.equal(failed.code, 130);
    assert.match(failed.err, /codexd: the turn could not be ended: Codex is gone\n/);
    const refusing = await commandsOn(t, {
      ...sendAnswers(),
      "POST /turn": (response: ServerResponse) => {
        io?.raise("SIGINT");
        answerJson(response, 409, { ok: false, error: "turn_in_progress", message: "another runs" });
      },
    });
    const refused = await refusing.command(["send", "x", "--session", "ses_1"], {}, (made) => (io = made));
    assert.equal(refused.code, 130);
    assert.ok(!refusing.daemon.seen.some(({ url }) => url.endsWith("/interrupt")));
  });

  test("leaves at once before there is a turn and behind its end; a reader that has gone ends it", async (t) => {
    let io: FakeIo | undefined;
    const creating = await commandsOn(t, { "POST /sessions": () => io?.raise("SIGINT") });
    assert.equal((await creating.command(["send", "x"], {}, (made) => (io = made))).code, 130);
    const waiting = await commandsOn(t, { ...sendAnswers(finished()), "GET /turns/sub_1": () => io?.raise("SIGINT") });
    assert.equal((await waiting.command(["send", "x", "--json"], {}, (made) => (io = made))).code, 130);
    const live = liveStream(() => {
      io?.closeOutput();
      io?.closeOutput();
    });
    const unread = await commandsOn(t, {
      ...sendAnswers(), "GET /turns/sub_1": running, "GET /events": live.answer,
      "POST /turns/sub_1/interrupt": (response: ServerResponse) => {
        json(response, { session: {}, turn: null, stopped: [], survived: [] });
        setImmediate(() => live.push(finished("interrupted")));
      },
    });
    const { code, err } = await unread.command(["send", "x"], {}, (made) => (io = made));
    assert.equal(code, 130);
    assert.match(err, /the turn has been interrupted/);
  });
});
