// The calls about runs and events, of which some follow what goes on.
//
// Each only names its route and takes its member out of the answer; the following itself stands elsewhere.

import type { Clock } from "../base/clock.ts";
import type { EventDetail } from "../core/event.ts";
import type { StopReport } from "../core/processes.ts";
import type { RunRecord, StartRunInput } from "../core/runs.ts";
import type { CodexdClient, EventListing } from "./api.ts";
import type { Calls } from "./calls.ts";
import { clientError } from "./errors.ts";
import { eventQuery, followEvents } from "./event-follow.ts";
import { createIteration } from "./iteration.ts";
import { allOf } from "./pages.ts";
import { API, recordPath, withQuery } from "./paths.ts";
import { member, pageOf } from "./record-calls.ts";
import { isSuccess, refusalOf } from "./replies.ts";
import { followOutput, outputPath } from "./run-output.ts";

export interface StreamParts {
  readonly calls: Calls;
  readonly clock: Clock;
  readonly random: () => number;
  /** The client's own. */
  readonly signal: AbortSignal | undefined;
}

type RunCalls = Pick<
  CodexdClient,
  "startRun" | "listRuns" | "allRuns" | "getRun" | "cancelRun" | "runOutput" | "followRunOutput"
>;

export function runCalls(parts: StreamParts): RunCalls {
  const { calls } = parts;
  const list: CodexdClient["listRuns"] = async (query = {}, options = {}) => {
    return pageOf(await calls.data("GET", withQuery(`${API}/runs`, { ...query }), undefined, options), "runs");
  };
  const get: CodexdClient["getRun"] = async (runId, options) => {
    return member<RunRecord>(await calls.data("GET", recordPath("runs", runId), undefined, options), "run");
  };
  const ended = async (runId: string, signal: AbortSignal): Promise<boolean> => {
    return !["queued", "running"].includes((await get(runId, { signal })).status);
  };
  return {
    async startRun(input: StartRunInput, options = {}) {
      const settings = { ...options, waitMs: input.waitMs };
      return member<RunRecord>(await calls.data("POST", `${API}/runs`, input, settings), "run");
    },
    listRuns: list,
    allRuns: (query, options) => allOf((cursor) => list({ ...query, cursor }, options)),
    getRun: get,
    async cancelRun(runId, options = {}) {
      const data = await calls.data("POST", recordPath("runs", runId, "/cancel"), {}, { ...options, work: true });
      return data as unknown as StopReport & { readonly run: RunRecord };
    },
    async runOutput(runId, query = {}, options = {}) {
      const reply = await calls.reply(outputPath(runId, query), options);
      if (!isSuccess(reply)) throw refusalOf(reply);
      const nextOffset = Number(reply.headers["codexd-next-offset"]);
      if (Number.isSafeInteger(nextOffset)) return { text: reply.text, nextOffset };
      throw clientError("bad_reply", "the answer has no Codexd-Next-Offset", { status: reply.status });
    },
    followRunOutput: (runId, { signal, ...query } = {}) => createIteration([signal, parts.signal], (until) => {
      const open = calls.stream;
      return followOutput(runId, query, { ...parts, open, ended: (by) => ended(runId, by) }, until);
    }),
  };
}

type EventCalls = Pick<CodexdClient, "listEvents" | "getEventDetail" | "events">;

/** @param path of the event stream, which a daemon's configuration may move. */
export function eventCalls(parts: StreamParts, path: string): EventCalls {
  const { calls } = parts;
  const list: CodexdClient["listEvents"] = async ({ after, limit, ...filter } = {}, options = {}) => {
    const query = eventQuery(filter, { format: "json", after, limit });
    return await calls.data("GET", `${path}${query}`, undefined, options) as unknown as EventListing;
  };
  return {
    listEvents: list,
    async getEventDetail(seq, options) {
      return member<EventDetail>(await calls.data("GET", `${path}/${seq}/detail`, undefined, options), "detail");
    },
    events: ({ signal, ...options } = {}) => createIteration([signal, parts.signal], (until) => followEvents(options, {
      ...parts,
      open: (query, by) => calls.stream(`${path}${query}`, by),
      head: async (by) => (await list({ limit: 1 }, { signal: by })).headSeq,
    }, until)),
  };
}
