// Where codexd connects to: nowhere outside of the machine, from its start to its stop, with all that it starts.
//
// The system calls of a whole daemon on the embedded agent, as strace sees them; where there is no strace it is not
// tried. What a model is asked is Codex's own matter, which is why the agent takes its place.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { createSession, runTurn } from "./support/daemon-calls.ts";
import { makeTempDir } from "./support/temp-dir.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const daemons = createWholeDaemons({ after });
// A container may have it and not be allowed to use it.
const skip = spawnSync("strace", ["-o", "/dev/null", "true"]).status !== 0;

/** `-D` makes strace the grandchild, so that the daemon keeps its process number. */
const STRACE = ["strace", "-D", "-f", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-s", "0", "-o"];

test("no address outside of loopback is ever used", { skip }, async (t) => {
  const trace = path.join(makeTempDir(t), "trace");
  const daemon = await daemons.start({ ...daemons.withAgent(), within: [...STRACE, trace] });
  const session = await createSession(daemon);
  const turn = await runTurn(daemon, session, "say what you do");
  assert.equal(turn.status, "completed");
  const run = await daemon.post("/v1/codexd/runs", { prompt: "say it", waitMs: 30_000 });
  assert.equal(run.status, 200);
  for (const route of ["/v1/codexd/status", "/v1/codexd/codex", "/v1/codexd/threads"]) await daemon.get(route);
  await daemon.post("/v1/codexd/child/restart");
  await daemon.post(`/v1/codexd/sessions/${session.sessionId}/close`);
  assert.deepEqual(await daemon.kill("SIGTERM"), { code: 0, signal: null });
  const calls = readFileSync(trace, "utf8").split("\n");
  const addressed = calls.filter((line) => line.includes("sa_family="));
  assert.deepEqual(addressed.filter((line) => !isLocal(line)), []);
  assert.ok(addressed.length > 0, "strace has seen something, such as the lock's socket");
});

test("what is not loopback is known for it", () => {
  const connect = "12 connect(21, ";
  for (const local of ['{sa_family=AF_UNIX, sun_path="/s"}', '{sa_family=AF_INET, sin_addr=inet_addr("127.0.0.1")}']) {
    assert.ok(isLocal(`${connect}${local}, 16) = 0`), local);
  }
  for (const address of [
    '{sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("93.184.216.34")}',
    '{sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.168.127.0.0.1")}',
    '{sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, "2606:2800::1", &sin6_addr)}',
  ]) assert.ok(!isLocal(`${connect}${address}, 28) = 0`), address);
});

/** Netlink asks the kernel itself. */
function isLocal(line: string): boolean {
  return /sa_family=AF_(UNIX|NETLINK)\b/.test(line)
    || /sa_family=AF_INET\b.*inet_addr\("127\.[0-9.]+"\)/.test(line)
    || /sa_family=AF_INET6\b.*"::1"/.test(line);
}
