// The rows of the API's table that are about runs.
//
// Apart from routes.ts only for its length. Invariant: as there, a handler has no rules of its own.

import { integer, oneOf } from "../base/decode.ts";
import { RUN_STATUSES, RUN_STREAMS, type StartRunInput } from "../core/runs.ts";
import { queuedRun } from "../service/idempotency/kept-forms.ts";
import { decodeStartRun } from "../service/runs/run-inputs.ts";
import { flagField, numberField, PAGE_SHAPE, textField } from "./query.ts";
import { bodyOf, idOf, NO_BODY, route, type Route } from "./route.ts";
import { runOutputAnswer } from "./run-output.ts";

const none = {};

export const RUN_ROUTES: readonly Route[] = [
  route({
    method: "GET", path: "/v1/codexd/runs", body: NO_BODY, summary: "Runs, newest first",
    query: { ...PAGE_SHAPE, status: textField(oneOf(...RUN_STATUSES), "only runs of this status") },
    handle: async ({ services, query }) => {
      const { records, nextCursor } = await services.runs.list(query);
      return { data: { runs: records, nextCursor } };
    },
  }),
  route({
    // 202, not 200: the run has been journaled and waits for its turn; what it prints arrives as events.
    method: "POST", path: "/v1/codexd/runs", status: 202, query: none, bodySize: "input", creates: true,
    summary: "Queue a run",
    body: bodyOf<StartRunInput>(decodeStartRun),
    handle: ({ services, body, hangUp, once }) => {
      const waits = body.waitMs !== undefined;
      const signal = waits ? hangUp() : undefined;
      return once(
        queuedRun(body), (keeping) => services.runs.start(body, signal, keeping),
        (run) => (waits && run.finishedAt !== null ? { data: { run }, status: 200 } : { data: { run } }),
      );
    },
  }),
  route({
    method: "GET", path: "/v1/codexd/runs/:id", query: none, body: NO_BODY, summary: "A run, with its whole result",
    handle: async ({ services, params }) => ({ data: { run: await services.runs.get(idOf(params)) } }),
  }),
  route({
    method: "POST", path: "/v1/codexd/runs/:id/cancel", query: none, body: NO_BODY,
    summary: "Cancel a run; answers when it has ended, with what was stopped",
    handle: async ({ services, params }) => {
      const { run, stopped, survived } = await services.runs.cancel(idOf(params));
      return { data: { run, stopped, survived } };
    },
  }),
  route({
    method: "GET", path: "/v1/codexd/runs/:id/output", body: NO_BODY, summary: "What a run has printed, as text",
    query: {
      stream: textField(oneOf(...RUN_STREAMS), "the answer (message, the default), stdout or stderr"),
      after: numberField(integer(0, Number.MAX_SAFE_INTEGER), 0, "the byte to begin behind"),
      follow: flagField("1 goes on until the run has ended"),
    },
    handle: ({ edge, params, pass, query: { stream, after, follow } }) =>
      runOutputAnswer(edge, { runId: idOf(params), stream: stream ?? "message", after, follow, byToken: pass.byToken }),
  }),
];
