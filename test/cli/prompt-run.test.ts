// run: what is asked for, what is printed while it goes on, and what it exits with.
//
// The daemon is a list of answers; its events are written down beforehand.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import path from "node:path";
import { describe, test } from "node:test";
import { commandsOn, streamOf, type Answers, type StreamedEvent } from "../support/cli-answers.ts";
import type { FakeIo } from "../support/cli-io.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const run = (changes: Record<string, unknown> = {}) => {
  return { run: { runId: "run_1", status: "queued", error: null, ...changes } };
};
const item = (itemEvent: string, fields: Record<string, unknown>) => ({
  type: "run.item", detail: { runId: "run_1", itemEvent, item: { id: "i1", ...fields } },
});
const END = { type: "run.completed", detail: { runId: "run_1" } };

function answersFor(ended: Record<string, unknown>, ...events: StreamedEvent[]): Answers {
  return { "POST /runs": run(), "GET /runs/run_1": run(ended), "GET /events": streamOf(...events) };
}

describe("a run", () => {
  test("is asked for with what was given, and its items are printed as they come", async (t) => {
    const command = { type: "command_execution", command: "ls\u001b[2J" };
    const { command: codexd, daemon } = await commandsOn(t, answersFor({ status: "completed" },
      { type: "run.started", detail: { runId: "run_1" } },
      item("item.started", command), item("item.updated", command),
      item("item.completed", { ...command, exit_code: 3 }),
      item("item.completed", { type: "error", message: "Reconnecting... 1/2" }),
      item("item.completed", { type: "file_change", changes: [{ path: "/a", kind: "add" }, { path: "/b" }] }),
      item("item.started", { type: "agent_message", text: "He" }),
      item("item.completed", { type: "agent_message", text: "Hello,\nAda\u0007" }), END));
    const flags = ["--cwd", "sub", "--model", "m", "--profile", "p", "--sandbox", "read-only", "--skip-git-repo-check"];
    const { code, out, err } = await codexd(["run", "say hello", ...flags]);
    assert.deepEqual([code, out], [0, "Hello,\nAda \n"]);
    assert.equal(err, [
      "codexd: run_1 is queued\ncommand_execution ls [2J\n  exited with 3\nerror Reconnecting... 1/2\n",
      "file_change /a, /b\n",
    ].join(""));
    assert.deepEqual(JSON.parse(daemon.seen.find(({ method }) => method === "POST")?.body ?? ""), {
      prompt: "say hello", cwd: "/home/ada/repo/sub", model: "m", profile: "p", sandbox: "read-only",
      skipGitRepoCheck: true,
    });
    assert.ok(daemon.seen.some(({ url }) => url === "/v1/codexd/events?format=ndjson&after=10&run=run_1&type=run.*"));
  });

  test("with --json gives its record and nothing else; the prompt may come from standard input", async (t) => {
    const ended = { status: "completed", finalMessage: "hi" };
    const message = item("item.completed", { type: "agent_message" });
    const { command, daemon } = await commandsOn(t, answersFor(ended, message, END));
    const { code, out, err } = await command(["run", "-", "--json"], { stdin: "from stdin" });
    assert.deepEqual([code, err], [0, ""]);
    assert.deepEqual(JSON.parse(out), run(ended).run);
    assert.equal(JSON.parse(daemon.seen.find(({ method }) => method === "POST")?.body ?? "").prompt, "from stdin");
    assert.equal((await command(["run"], { stdin: "piped" })).code, 0);
    const both = await command(["run", "Sum up:", "-"], { stdin: "piped" });
    assert.equal(both.code, 0);
    const prompts = daemon.seen.filter(({ method }) => method === "POST").map(({ body }) => JSON.parse(body).prompt);
    assert.deepEqual(prompts, ["from stdin", "piped", "Sum up:\n\n<stdin>\npiped\n</stdin>"]);
    const nobody = await command(["run"], { stdinIsTerminal: true });
    assert.deepEqual([nobody.code, nobody.out], [64, ""]);
  });

  test("may have images, a form for its answer and a time", async (t) => {
    const cwd = makeTempDir(t);
    const schema = { type: "object" };
    writeFileSync(path.join(cwd, "schema.json"), JSON.stringify(schema));
    for (const name of ["a.png", "b.png"]) writeFileSync(path.join(cwd, name), "");
    const { command, daemon } = await commandsOn(t, answersFor({ status: "completed" }, END));
    const flags = ["--image", "a.png", "--image", `${cwd}/b.png`, "--output-schema", "schema.json", "--timeout", "1.5"];
    assert.equal((await command(["run", "x", ...flags], { cwd })).code, 0);
    assert.deepEqual(JSON.parse(daemon.seen.find(({ method }) => method === "POST")?.body ?? ""), {
      prompt: "x", cwd, images: [`${cwd}/a.png`, `${cwd}/b.png`], outputSchema: schema, timeoutMs: 1500,
    });
    const asked = daemon.seen.length;
    for (const [flag, value, said] of [
      ["image", "c.png", /--image: c\.png cannot be read/],
      ["output-schema", "a.png", /--output-schema: a\.png is not JSON/],
      ["timeout", "soon", /--timeout takes seconds, 2147483 at most, got "soon"/], ["timeout", "0", /--timeout/],
      ["timeout", "2147484", /--timeout/], ["timeout", "1e3", /--timeout/],
    ] as const) {
      const { code, err } = await command(["run", "x", `--${flag}`, value], { cwd });
      assert.equal(code, 64, err);
      assert.match(err, said);
    }
    assert.equal(daemon.seen.length, asked);
    assert.equal((await command(["run", "x", "--timeout", "2147483"])).code, 0);
  });

  test("that fails or is cancelled is 1, with the reason", async (t) => {
    const long = "x".repeat(1000);
    const failed = { status: "failed", error: { message: `no\nmodel ${long}`, reason: null } };
    for (const [ended, type, said] of [
      [failed, "run.failed", `codexd: the run has failed: no model ${long}\n`],
      [{ status: "cancelled" }, "run.cancelled", "codexd: the run has been cancelled\n"],
    ] as const) {
      const { command } = await commandsOn(t, answersFor(ended, { type, detail: {} }));
      const { code, err } = await command(["run", "x"]);
      assert.deepEqual([code, err], [1, `codexd: run_1 is queued\n${said}`]);
    }
  });

  test("is cancelled by Ctrl-C", async (t) => {
    let io: FakeIo | undefined;
    const { command, daemon } = await commandsOn(t, {
      "POST /runs": run(),
      "GET /events": (response: ServerResponse) => {
        streamOf()(response);
        setImmediate(() => io?.raise("SIGINT"));
      },
      "POST /runs/run_1/cancel": { ...run({ status: "cancelled" }), stopped: [], survived: [] },
    });
    const { code, err } = await command(["run", "x"], {}, (made) => (io = made));
    assert.deepEqual([code, err], [130, "codexd: run_1 is queued\ncodexd: run_1 is cancelled\n"]);
    assert.equal(daemon.seen.at(-1)?.url, "/v1/codexd/runs/run_1/cancel");
  });

  test("that is refused says why; what makes no run is 64", async (t) => {
    const { command, daemon } = await commandsOn(t, {});
    const refused = await command(["run", "x"]);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /answered: there is no POST \/runs \(not_found\)/);
    const asked = daemon.seen.length;
    assert.equal((await command(["run", ""])).code, 64);
    const sandbox = await command(["run", "x", "--sandbox", "none"]);
    assert.deepEqual([sandbox.code, daemon.seen.length], [64, asked]);
    assert.match(sandbox.err, /--sandbox takes one of read-only, workspace-write, danger-full-access, got "none"/);
  });
});
