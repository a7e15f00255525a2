// What the real Codex asked its client in the transcripts, with the item that it was about and the answer that it took.
//
// 0.169.0, and 0.116.0 where the name says so.

import { readFileSync } from "node:fs";

export interface CapturedRequest {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly item: Readonly<Record<string, unknown>> | null;
  readonly result: Readonly<Record<string, unknown>>;
}

type Name =
  | "appr-cmd-accept" | "codemode-escalate" | "appr-file-accept" | "v116-appr-file" | "appr-perm" | "appr-ask"
  | "mcp-danger-accept" | "mcp-elicit" | "dyn-tool";

export const SERVER_REQUESTS = JSON.parse(
  readFileSync(new URL("../fixtures/server-requests.json", import.meta.url), "utf8"),
) as Readonly<Record<Name, CapturedRequest>>;
