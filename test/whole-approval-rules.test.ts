// The whole daemon as a process, with a file of rules: what they decide reaches the agent, and nobody is asked.
//
// What rules match, and which files are refused, is tested where they are read and judged.

import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { ApprovalRecord } from "../src/core/approvals.ts";
import type { SessionRecord, TurnRecord } from "../src/core/records.ts";
import { REPOSITORY } from "./support/codex-install.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";


test("the first rule that matches decides: by the words of the command, and by the session's purpose", async (t) => {
  const daemons = createWholeDaemons(t);
  const stateDir = daemons.makeStateDir();
  const rulesFile = path.join(stateDir, "rules.json");
  writeFileSync(rulesFile, JSON.stringify({ rules: [
    { name: "not at night", purpose: "worker", decision: "decline" },
    { name: "the agent's own", kind: "command", command: ["uname"], path: stateDir, decision: "accept" },
  ] }));
  chmodSync(rulesFile, 0o600);
  const agent = [path.join(REPOSITORY, "dist/agent.js"), "--home", path.join(stateDir, "agent"), "app-server"];
  const serverArgs = agent.map((arg) => `--server-arg=${arg}`);
  const flags = ["--server-command", process.execPath, ...serverArgs, "--approval-rules", rulesFile];
  const daemon = await daemons.start({ stateDir, flags });

  const decided = async (purpose: string, cwd = stateDir): Promise<unknown[]> => {
    const made = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions", { purpose, cwd });
    const { sessionId } = made.data.session;
    const input = { sessionId, prompt: "ask", waitMs: 20_000 };
    const { data } = await daemon.post<{ turn?: TurnRecord }>("/v1/codexd/turn", input);
    const route = `/v1/codexd/approvals?status=all&session=${sessionId}`;
    const [approval] = (await daemon.get<{ approvals: ApprovalRecord[] }>(route)).data.approvals;
    return [data.turn?.status ?? "waits", approval?.status, approval?.decision, approval?.decidedBy, approval?.rule];
  };
  assert.deepEqual(await decided("duplex"), ["completed", "resolved", "accept", "rule", "the agent's own"]);
  assert.deepEqual(await decided("worker"), ["completed", "resolved", "decline", "rule", "not at night"]);
  assert.deepEqual(await decided("duplex", path.dirname(stateDir)), ["waits", "pending", null, null, null]);
});
