// The whole daemon as a process, on the embedded agent: turns that wait for an answer, and images for turns.
//
// Runs the sources, so that what is composed here counts as covered. Approvals of the real Codex are in test/e2e.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { after, before, test } from "node:test";
import type { ApprovalRecord } from "../src/core/approvals.ts";
import type { SessionRecord, TurnRecord } from "../src/core/records.ts";
import type { AcceptedTurn, UploadRecord } from "../src/core/requests.ts";
import { REPOSITORY } from "./support/codex-install.ts";
import type { Daemon, DaemonOptions, Refusal, Reply } from "./support/daemon.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const GIF = Buffer.from("R0lGODlhAQABAAAAACwAAAAAAQABAAA=", "base64");

const daemons = createWholeDaemons({ after });
let options: DaemonOptions;
let daemon: Daemon;
let sessionId: string;

before(async () => {
  const stateDir = daemons.makeStateDir();
  const home = ["--home", path.join(stateDir, "agent")];
  const agent = [path.join(REPOSITORY, "dist/agent.js"), ...home, "app-server"];
  const serverArgs = agent.map((arg) => `--server-arg=${arg}`);
  options = { stateDir, flags: ["--server-command", process.execPath, ...serverArgs] };
  daemon = await daemons.start(options);
  sessionId = await newSession();
});

async function newSession(): Promise<string> {
  const body = { cwd: options.stateDir };
  const { status, data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions", body);
  assert.equal(status, 201, JSON.stringify(data));
  return data.session.sessionId;
}

const startTurn = (body: object): Promise<Reply<AcceptedTurn>> => daemon.post("/v1/codexd/turn", body);

async function decide(approval: ApprovalRecord | undefined, decision: string): Promise<ApprovalRecord> {
  const route = `/v1/codexd/approvals/${approval?.approvalId}`;
  const { status, data } = await daemon.post<{ approval: ApprovalRecord }>(route, { decision });
  assert.equal(status, 200, JSON.stringify(data));
  return data.approval;
}

async function endOf(turnId: string | null): Promise<TurnRecord> {
  const { data } = await daemon.get<{ turn: TurnRecord }>(`/v1/codexd/turns/${turnId}?waitMs=20000`);
  return data.turn;
}

test("a turn that asks answers its waiter at once; decided, it goes on and its receipt says so", async () => {
  const { status, data } = await startTurn({ sessionId, prompt: "ask", waitMs: 20_000 });
  const [approval] = data.approvals;
  assert.deepEqual([status, data.approvals.length, approval?.kind, approval?.status, approval?.turnId],
    [202, 1, "command", "pending", data.turnId]);
  const again = await daemon.get<{ turn: TurnRecord }>(`/v1/codexd/turns/${data.turnId}?waitMs=20000&waitFor=approval`);
  assert.equal(again.data.turn.status, "inProgress");
  assert.deepEqual(again.data.turn.approvals.map(({ decision }) => decision), [null]);
  assert.equal((await decide(approval, "accept")).decidedBy, "client");
  const turn = await endOf(data.turnId);
  assert.equal(turn.status, "completed");
  assert.deepEqual(turn.approvals,
    [{ approvalId: approval?.approvalId, kind: "command", decision: "accept", decidedBy: "client" }]);
});

test("a client that hangs up ends its waiting alone, and waitFor end waits on over the question", async () => {
  const { service } = await daemon.started;
  const headers = { authorization: `Bearer ${await daemon.token()}`, "content-type": "application/json" };
  const left = request(new URL("/v1/codexd/turn", service.resolvedBaseUrl), { method: "POST", headers, agent: false });
  const gone = new Promise((resolve) => left.on("error", resolve));
  left.end(JSON.stringify({ sessionId, prompt: "ask", waitMs: 20_000, waitFor: "end" }));
  const asked = await daemon.get<{ approvals: ApprovalRecord[] }>("/v1/codexd/approvals?waitMs=20000");
  const [approval] = asked.data.approvals;
  left.destroy();
  await gone;
  const waiting = endOf(approval?.turnId ?? null);
  await decide(approval, "decline");
  const turn = await waiting;
  assert.equal(turn.status, "completed");
  assert.match(turn.finalMessage ?? "", /was told no/);
});

test("an image is uploaded, named in a turn, and gone with its session", async () => {
  const own = await newSession();
  const data = GIF.toString("base64");
  const { status, data: reply } = await daemon.post<{ upload: UploadRecord }>(
    "/v1/codexd/uploads", { sessionId: own, data },
  );
  const { upload } = reply;
  assert.deepEqual([status, upload.mediaType, upload.bytes], [201, "image/gif", GIF.length]);
  assert.deepEqual([readFileSync(upload.path), statSync(upload.path).mode & 0o777], [GIF, 0o600]);
  const input = [{ type: "text", text: "hello" }, { type: "image", uploadId: upload.uploadId }];
  const { data: done } = await startTurn({ sessionId: own, input, waitMs: 20_000 });
  assert.equal(done.turn?.status, "completed");
  assert.deepEqual(done.turn?.input, [input[0], { type: "localImage", path: upload.path }]);
  const foreign = await daemon.post<Refusal>("/v1/codexd/turn", { sessionId, input });
  assert.deepEqual([foreign.status, foreign.data.error], [400, "bad_request"]);
  assert.match(foreign.data.message, /^input\[1\]\.uploadId: must be an upload of session ses_/);
  await daemon.post(`/v1/codexd/sessions/${own}/close`);
  assert.equal(existsSync(path.dirname(upload.path)), false);
  const late = await daemon.post<Refusal>("/v1/codexd/uploads", { sessionId: own, data });
  assert.deepEqual([late.status, late.data.error], [409, "session_closed"]);
});

test("what a daemon that was killed has left of a closed session goes at the next start; the rest stays", async () => {
  const closed = await newSession();
  const upload = async (id: string): Promise<UploadRecord> => {
    const body = { sessionId: id, data: GIF.toString("base64") };
    return (await daemon.post<{ upload: UploadRecord }>("/v1/codexd/uploads", body)).data.upload;
  };
  const [kept, left] = [await upload(sessionId), await upload(closed)];
  await daemon.post(`/v1/codexd/sessions/${closed}/close`);
  await daemon.kill("SIGKILL");
  const unfinished = path.join(path.dirname(kept.path), "upl_0.gif.0123456789abcdef.tmp");
  mkdirSync(path.dirname(left.path));
  for (const file of [unfinished, left.path]) writeFileSync(file, "left");
  daemon = await daemons.start(options);
  assert.deepEqual([kept.path, path.dirname(left.path), unfinished].map((file) => existsSync(file)),
    [true, false, false]);
});
