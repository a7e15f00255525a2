// The example scripts as a user runs them, beside a whole daemon on the embedded agent.
//
// What they need of the machine (curl, jq, bash) is what they say that they need.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { ApprovalRecord } from "../src/core/approvals.ts";
import type { SessionRecord, TurnRecord } from "../src/core/records.ts";
import { REPOSITORY } from "./support/codex-install.ts";
import { startDaemon, type Daemon } from "./support/daemon.ts";
import { LOADER } from "./support/loader.ts";

const EXAMPLES = path.join(REPOSITORY, "examples");

describe("the example scripts", () => {
  let root: string;
  let daemon: Daemon;
  let env: NodeJS.ProcessEnv;
  const started: ChildProcess[] = [];

  before(async () => {
    root = mkdtempSync(path.join(tmpdir(), "codexd-test-"));
    const stateDir = path.join(root, "state");
    mkdirSync(stateDir, { mode: 0o700 });
    daemon = await startDaemon({ stateDir, command: "demo" });
    env = { ...process.env, CODEXD_SOCKET: path.join(stateDir, "codexd.sock") };
  });
  after(async () => {
    for (const child of started) if (child.exitCode === null) child.kill("SIGKILL");
    await daemon.kill("SIGTERM");
    rmSync(root, { recursive: true, force: true });
  });

  const run = (command: string, args: readonly string[]): ChildProcess & { readonly output: () => string } => {
    const child = spawn(command, args, { cwd: REPOSITORY, env, stdio: ["ignore", "pipe", "pipe"] });
    started.push(child);
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (part: Buffer) => (text += part.toString()));
    return Object.assign(child, { output: () => text });
  };

  const ask = async (input: string, waitMs: number): Promise<{ turn?: TurnRecord; approvals?: ApprovalRecord[] }> => {
    const { data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions");
    const body = { sessionId: data.session.sessionId, input, waitMs, waitFor: "end" };
    return (await daemon.post<{ turn: TurnRecord }>("/v1/codexd/turn", body)).data;
  };

  test("the nightly run writes a report, and exits with what came of it", async () => {
    for (const [prompt, code] of [["run", 0], ["fail", 1]] as const) {
      const report = path.join(root, `${prompt}.md`);
      const child = run(path.join(EXAMPLES, "nightly-run.sh"), [root, prompt, report]);
      assert.deepEqual(await once(child, "close"), [code, null], child.output());
      const text = readFileSync(report, "utf8");
      assert.match(text, code === 0 ? /^# completed: run\n/ : /^# failed: fail\n/);
      if (code === 0) assert.match(text, /^- `.*` exited with 0$/m);
    }
  });

  test("the approval bot answers what it knows, and what waited before it came", async () => {
    const waiting = ask("ask", 60_000);
    await daemon.get("/v1/codexd/approvals?waitMs=60000");
    const bot = run(process.execPath, [...LOADER, path.join(EXAMPLES, "approval-bot.ts"), path.join(root, "state")]);
    const [first, second] = [(await waiting).turn, (await ask("ask", 60_000)).turn];
    for (const turn of [first, second]) {
      assert.equal(turn?.status, "completed", bot.output());
      assert.deepEqual(turn?.approvals.map(({ decision, decidedBy }) => [decision, decidedBy]), [["accept", "client"]]);
    }
    bot.kill("SIGTERM");
    await once(bot, "close");
    assert.match(bot.output(), /^accept: .*\naccept: .*\n$/);
  });

  test("the relay tells each end once, over a restart of its own and a failure of the chat's", async (t) => {
    const told: string[] = [];
    let asked = 0;
    const chat: Server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        // The chat is out of order at first.
        response.statusCode = ++asked > 1 ? 200 : 500;
        if (response.statusCode === 200) told.push((JSON.parse(body) as { text: string }).text);
        response.end();
      });
    });
    t.after(() => {
      chat.closeAllConnections();
      chat.close();
    });
    chat.listen(0, "127.0.0.1");
    await once(chat, "listening");
    const webhook = `http://127.0.0.1:${(chat.address() as AddressInfo).port}/hook`;
    const { data } = await daemon.get<{ headSeq: number }>("/v1/codexd/events?limit=1");
    const cursor = path.join(root, "cursor");
    writeFileSync(cursor, `${data.headSeq}\n`);
    const has = async (text: string): Promise<void> => {
      while (!told.some((line) => line.includes(text))) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    const first = run(path.join(EXAMPLES, "relay.sh"), [webhook, cursor]);
    await ask("hello", 60_000);
    await has("A turn is completed");
    const { turn } = await ask("fail", 60_000);
    await has("A turn is failed");
    // One that ends between the message and the note of it tells it again, as it says.
    while (Number(readFileSync(cursor, "utf8")) < (turn?.lastSeq ?? 0)) await new Promise((go) => setTimeout(go, 10));
    first.kill("SIGTERM");
    await once(first, "exit");
    await daemon.post("/v1/codexd/runs", { prompt: "hello", waitMs: 60_000 });
    run(path.join(EXAMPLES, "relay.sh"), [webhook, cursor]);
    await has("A run is completed");
    assert.equal(new Set(told).size, told.length, "nothing is told twice");
  });
});
