// Answers what Codex asks, by rules of your own: here it lets tests and reading Git run, and leaves the rest to you.
//
// It talks to the codexd that runs as the same user, over its socket: `npx tsx examples/approval-bot.ts [STATE_DIR]`.
// In a project of your own the import is `from "codexd"`.

import { homedir } from "node:os";
import path from "node:path";
import { createCodexdClient, type ApprovalDecision, type ApprovalRecord } from "../src/index.ts";

const stateHome = process.env["XDG_STATE_HOME"] ?? path.join(homedir(), ".local", "state");
const client = createCodexdClient({ stateDir: process.argv[2] ?? path.join(stateHome, "codexd") });

/** The word for an approval, or null for what a person must answer. */
function judge({ kind, command }: ApprovalRecord): ApprovalDecision | null {
  if (kind !== "command" || command === null) return null;
  const script = /^\/bin\/bash -lc '?([^']*)'?$/.exec(command)?.[1] ?? command;
  if (["npm test", "git status", "git diff", "uname -s"].includes(script)) return "accept";
  return /\bsudo\b/.test(script) ? "decline" : null;
}

async function answer(approval: ApprovalRecord): Promise<void> {
  const decision = approval.status === "pending" ? judge(approval) : null;
  console.log(`${decision ?? "left to you"}: ${approval.summary}`);
  // Somebody else may have been faster: then that stands.
  if (decision !== null) await client.decideApproval(approval.approvalId, { decision }).catch(console.error);
}

// What waits already comes first; then events, in order and over restarts of codexd, from before that on.
const { headSeq } = await client.listEvents({ limit: 1 });
for await (const approval of client.allApprovals({ status: "pending" })) await answer(approval);
for await (const { detail } of client.events({ after: headSeq, types: ["approval.requested"] })) {
  await answer(await client.getApproval(String(detail["approvalId"])));
}
