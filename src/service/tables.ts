// The tables that codexd keeps in the store: their records, files and ids.
// The store knows them only by this description; what is not listed here is not kept.

import type { CodexdPaths } from "../core/config.ts";
import type { RunRecord } from "../core/runs.ts";
import { turnKey, type SessionRecord, type TurnRecord } from "../core/records.ts";
import type { Store, TableSpec } from "../store/types.ts";

export type CodexdTables = {
  readonly session: SessionRecord;
  readonly turn: TurnRecord;
  readonly run: RunRecord;
};

export type CodexdStore = Store<CodexdTables>;

export function tableSpecs(paths: CodexdPaths): { readonly [K in keyof CodexdTables]: TableSpec<CodexdTables[K]> } {
  return {
    session: { path: paths.sessionRegistryPath, field: "sessions", idOf: (session) => session.sessionId },
    turn: { path: paths.turnRegistryPath, field: "turns", idOf: turnKey },
    run: { path: paths.runRegistryPath, field: "runs", idOf: (run) => run.runId },
  };
}
