// What callers may ask of POST /v1/codexd/runs. The checks of what goes to Codex stand in codex/exec-inputs.ts.
//
// Invariant: every field of the request is here, in the order in which it is documented; an unknown one is refused.

import { integer, nonEmptyString, object, oneOf, optional, type Decoder } from "../../base/decode.ts";
import { EXEC_FIELDS } from "../../codex/exec-inputs.ts";
import { metadata } from "../../core/input-fields.ts";
import { LIMITS } from "../../core/limits.ts";
import { CODEX_EXEC_PURPOSES, type StartRunInput } from "../../core/runs.ts";

export const decodeStartRun: Decoder<StartRunInput> = object<StartRunInput>({
  prompt: EXEC_FIELDS.prompt,
  purpose: optional(oneOf(...CODEX_EXEC_PURPOSES)),
  sessionId: optional(nonEmptyString),
  cwd: EXEC_FIELDS.cwd,
  model: EXEC_FIELDS.model,
  profile: EXEC_FIELDS.profile,
  sandbox: EXEC_FIELDS.sandbox,
  config: EXEC_FIELDS.config,
  images: EXEC_FIELDS.images,
  additionalWritableDirectories: EXEC_FIELDS.additionalWritableDirectories,
  env: EXEC_FIELDS.env,
  metadata: optional(metadata),
  skipGitRepoCheck: EXEC_FIELDS.skipGitRepoCheck,
  ephemeral: EXEC_FIELDS.ephemeral,
  outputSchema: EXEC_FIELDS.outputSchema,
  timeoutMs: EXEC_FIELDS.timeoutMs,
  waitMs: optional(integer(0, LIMITS.waitMsMax)),
});
