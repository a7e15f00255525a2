// What the daemon can be measured by: families of figures, read at the moment of asking.
//
// Deliberately without a wire format (http/metrics-text.ts). Invariant: between two askings only plain additions
// happen, one a turn, an approval, a run, a replay or a batch; never one an event, let alone a delta.

import { APPROVAL_STATUSES } from "../../core/approvals.ts";
import type { CodexdConfig } from "../../core/config.ts";
import { LIMITS } from "../../core/limits.ts";
import { RUN_STATUSES } from "../../core/runs.ts";
import type { AppServerGate } from "../app-server/app-server.ts";
import type { CodexdStore } from "../tables.ts";
import type { OpenTurns } from "../turns/open-turns.ts";
import type { TurnQueue } from "../turns/turn-queue.ts";
import type { Tally } from "./tally.ts";

export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricFamily {
  readonly name: string;
  readonly type: "counter" | "gauge";
  /** One line for people. */
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

export interface MetricsService {
  collect(): readonly MetricFamily[];
}

const SESSION_STATUSES = ["active", "closed"] as const;

export interface MetricsOptions {
  readonly config: CodexdConfig;
  readonly store: CodexdStore;
  readonly open: OpenTurns;
  readonly queue: Pick<TurnQueue, "size">;
  readonly appServer: AppServerGate;
  readonly tally: Tally;
  readonly isReady: () => boolean;
}

export function createMetrics(options: MetricsOptions): MetricsService {
  let batches = 0;
  // The store drops its listeners with itself.
  options.store.subscribe(() => {
    batches += 1;
  });
  return {
    collect: () => [
      ...daemonFamilies(options), ...journalFamilies(options.store, batches), ...workFamilies(options),
      ...approvalFamilies(options), ...childFamilies(options.appServer),
    ],
  };
}

/** One figure without labels. */
export function single(name: string, type: MetricFamily["type"], help: string, value: number): MetricFamily {
  return { name, type, help, samples: [{ labels: {}, value }] };
}

/** A figure for each value of one label. */
export function byLabel(
  name: string, type: MetricFamily["type"], help: string, label: string, values: Readonly<Record<string, number>>,
): MetricFamily {
  const samples = Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }));
  return { name, type, help, samples };
}

function daemonFamilies({ config, store, isReady }: MetricsOptions): MetricFamily[] {
  return [
    {
      name: "codexd_build_info", type: "gauge", help: "Always 1; the labels say what runs.",
      samples: [{ labels: { version: config.version, node: process.version }, value: 1 }],
    },
    single("codexd_ready", "gauge", "1 when the child answers and state can be written.", isReady() ? 1 : 0),
    single("codexd_storage_writable", "gauge", "1 while the journal can be written.", store.health().writable ? 1 : 0),
  ];
}

function journalFamilies(store: CodexdStore, batches: number): MetricFamily[] {
  const { segments, bytes } = store.journalSize();
  return [
    single("codexd_events_total", "counter", "Events in the journal's history: its newest seq.", store.headSeq),
    single("codexd_journal_batches_total", "counter", "Batches of events written to the journal.", batches),
    single("codexd_journal_oldest_seq", "gauge", "The oldest seq that can still be replayed.", store.oldestSeq),
    single("codexd_journal_segments", "gauge", "Files that the journal consists of.", segments),
    single("codexd_journal_bytes", "gauge", "Bytes of the journal on disk.", bytes),
    single("codexd_journal_pending_bytes", "gauge", "Bytes of events that wait for the disk.", store.pendingBytes),
    single("codexd_journal_pending_bytes_limit", "gauge", "Above it the child's output is not read.",
      LIMITS.journalPendingBytesMax),
  ];
}

function workFamilies({ config, store, open, queue, tally }: MetricsOptions): MetricFamily[] {
  const { session, run } = store.tables;
  const sessions = countBy(SESSION_STATUSES, session.newestFirst());
  const runs = countBy(RUN_STATUSES, run.newestFirst());
  return [
    byLabel("codexd_sessions", "gauge", "Sessions that are kept, by status.", "status", sessions),
    single("codexd_turns_open", "gauge", "Turns under way.", open.all().length),
    single("codexd_turns_queued", "gauge", "Turns that wait until their session is free.", queue.size),
    byLabel("codexd_turns_total", "counter", "Turns that have ended, by how.", "status", tally.turns),
    byLabel("codexd_runs", "gauge", "Runs that have not ended, by status.", "status", {
      queued: runs.queued, running: runs.running,
    }),
    byLabel("codexd_runs_limit", "gauge", "How many runs there may be, by status.", "status", {
      queued: config.runs.maxQueued, running: config.runs.max,
    }),
    byLabel("codexd_runs_total", "counter", "Runs that have ended, by how.", "status", tally.runs),
    single("codexd_stream_replays_total", "counter", "Times that a stream read behind the journal's head.",
      tally.replays),
  ];
}

function approvalFamilies({ store, tally }: MetricsOptions): MetricFamily[] {
  const { pending } = countBy(APPROVAL_STATUSES, store.tables.approval.newestFirst());
  return [
    single("codexd_approvals_pending", "gauge", "Questions of Codex that wait for a decision.", pending),
    {
      name: "codexd_approvals_total", type: "counter", help: "Approvals that are settled, by how and by whom.",
      samples: [...tally.approvals.values()].map(({ kind, decision, decidedBy, count }) => ({
        labels: { kind, decision, decided_by: decidedBy }, value: count,
      })),
    },
  ];
}

function childFamilies({ state, current }: AppServerGate): MetricFamily[] {
  return [
    single("codexd_child_up", "gauge", "1 while the app-server answers.", current === undefined ? 0 : 1),
    single("codexd_child_restarts_total", "counter", "Times that the app-server was started again.", state.restarts),
    single("codexd_child_calls", "gauge", "Requests under way with the app-server.", current?.client.underWay ?? 0),
    single("codexd_child_calls_limit", "gauge", "How many requests may be under way.", LIMITS.childCallsMax),
  ];
}

/** Looks at every record that is kept: at most some ten thousand, and only when somebody asks. */
function countBy<K extends string>(
  statuses: readonly K[], records: Iterable<{ readonly status: K }>,
): Record<K, number> {
  const counts = Object.fromEntries(statuses.map((status) => [status, 0])) as Record<K, number>;
  for (const { status } of records) counts[status] += 1;
  return counts;
}
