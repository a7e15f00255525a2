// What a run is asked for, as it lies beside its line from before it is queued: `<id>.request.json`.
//
// Deliberately without the record (run-records.ts). Invariant: the values of its environment, which may be secrets,
// lie there only while they are still needed.

import type { Logger } from "../../base/log.ts";
import { CodexdError, errorMessage } from "../../core/errors.ts";
import type { RunRecord } from "../../core/runs.ts";
import { mayPass } from "../../store/disk.ts";
import type { RunFiles } from "../../store/run-files.ts";
import { hasWholePrompt, withWhole, type StoredRequest } from "./run-records.ts";

const NOT_KEPT = "[not kept]";

/** @throws {CodexdError} (rejects) `storage_full` where there is no room for it, else what the disk throws. */
export async function writeRequest(files: RunFiles, runId: string, request: StoredRequest): Promise<void> {
  try {
    await files.writeDocument(runId, "request.json", request);
  } catch (error) {
    if (!mayPass(error)) throw error;
    const message = `the run was not queued: its request cannot be written (${errorMessage(error)})`;
    throw new CodexdError("storage_full", message);
  }
}

/** Null where there is none that can be read. */
export async function readRequest(files: RunFiles, runId: string): Promise<StoredRequest | null> {
  const document = await files.readDocument(runId, "request.json");
  // codexd's own file, closed to others: what a caller may ask was checked before it was written.
  return typeof document?.["prompt"] === "string" ? (document as unknown as StoredRequest) : null;
}

/** The record with what was cut from it, which of a run without a result of its own is its prompt alone. */
export async function readWholeRun(files: RunFiles, run: RunRecord): Promise<RunRecord> {
  const result = run.finishedAt === null ? null : await files.readDocument(run.runId, "result.json");
  if (result !== null) return withWhole(run, result);
  const request = hasWholePrompt(run) ? null : await readRequest(files, run.runId);
  return request === null ? run : { ...run, prompt: request.prompt };
}

/** Once a run is started, or will never be, nobody needs the values of its environment again. Never rejects. */
export async function dropSecrets(
  files: RunFiles, log: Logger, runId: string, known: StoredRequest | null = null,
): Promise<void> {
  try {
    const request = known ?? await readRequest(files, runId);
    if (request?.env === undefined || Object.values(request.env).every((value) => value === NOT_KEPT)) return;
    const env = Object.fromEntries(Object.keys(request.env).map((name) => [name, NOT_KEPT]));
    await files.writeDocument(runId, "request.json", { ...request, env });
  } catch (error) {
    log.warn("the environment of a run stays in its file", { runId, reason: errorMessage(error) });
  }
}
