// What the table of routes does not say of itself: names, groups, the forms of answers, and who refuses what.
//
// Keyed by method and path. A row that is missing here is still described, with an answer of any form; a test says so.
// Invariant: nothing here changes what a route does.

import { SOCKET_EVENT_SHAPE } from "./event-query.ts";
import { METRICS_TYPE } from "./metrics-text.ts";
import {
  bare, CHILD_ERRORS, data, enveloped, JSON_CONTENT, page, type AnswerDescription, type Operation,
} from "./openapi-answers.ts";
import { CODEX_OPERATIONS } from "./openapi-codex.ts";
import { ANY_OBJECT, INTEGER, listOf, ref, TEXT, TEXT_OR_NULL } from "./openapi-schema.ts";

const STOPPED = { stopped: listOf(ref("StoppedProcess")), survived: listOf(ref("StoppedProcess")) };
const TURN_OR_NULL = { anyOf: [ref("Turn"), { type: "null" }] };
const SESSION_STOPPED = {
  session: ref("Session"), turn: TURN_OR_NULL, queuedTurns: listOf(ref("TurnSummary")), ...STOPPED,
};

const ACCEPTED = data("The turn has been accepted and journaled; its items arrive as events.", {
  accepted: { const: true }, session: ref("Session"), submissionId: TEXT_OR_NULL, turnId: TEXT_OR_NULL,
}, {
  approvals: { ...listOf(ref("Approval")), description: "What it waits for, where that has ended the wait." },
});
const ENDED = data("The turn has ended within `waitMs`.", { turn: ref("Turn") });
const START_TURN = {
  tag: "turns",
  answers: { 202: ACCEPTED, 200: ENDED },
  refuses: [
    "not_found", "session_closed", "turn_in_progress", "turn_mismatch", "too_many_turns", "thread_locked",
    "storage_full",
    ...CHILD_ERRORS,
  ],
} as const;

const GAP = "`gap` with `fromSeq` and `toSeq` stands for events that cannot be read";
const HEARTBEAT = "an idle stream carries the newest seq every 20 s";
const EVENTS: AnswerDescription = {
  ...data("A page, NDJSON or Server-Sent Events, by `format` or `Accept`.", {
    events: listOf(ref("Event")), nextAfter: INTEGER, oldestSeq: INTEGER, headSeq: INTEGER,
  }, {
    gaps: {
      ...listOf({ type: "object", properties: { fromSeq: INTEGER, toSeq: INTEGER }, required: ["fromSeq", "toSeq"] }),
      description: "Only where the journal is damaged: events of this page that cannot be read.",
    },
  }),
};

/** @param eventStreamPath where the events stand, which is configured. */
export function describeOperations(eventStreamPath: string): Readonly<Record<string, Operation>> {
  return {
    ...HEALTH, ...SESSIONS, ...TURNS, ...RUNS, ...CODEX_OPERATIONS,
    [`GET ${eventStreamPath}/:seq/detail`]: {
      operationId: "getEventDetail", tag: "events", refuses: ["not_found"],
      answers: { 200: data("All of it.", { detail: ANY_OBJECT }) },
    },
    [`GET ${eventStreamPath}`]: {
      operationId: "getEvents",
      tag: "events",
      answers: {
        101: {
          description: "An upgrade: a WebSocket. `hello` first, then `{\"type\":\"event\",\"event\":{…}}`; "
            + "clients may send `ping`, `status` and `subscribe`.",
          content: {},
        },
        200: {
          description: EVENTS.description,
          content: {
            ...EVENTS.content,
            "application/x-ndjson": {
              ...TEXT, description: `One event a line; ${HEARTBEAT} as a heartbeat line; ${GAP}.`,
            },
            "text/event-stream": {
              ...TEXT,
              description: `\`id\` is the seq, \`event\` the type, \`data\` the event; ${HEARTBEAT} as an id; ${GAP}.`,
            },
          },
        },
      },
      refuses: ["cursor_ahead", "cursor_expired", "upgrade_required"],
      parameters: [
        {
          name: "snapshot", in: "query", schema: SOCKET_EVENT_SHAPE.snapshot.schema,
          description: `${SOCKET_EVENT_SHAPE.snapshot.takes}; only with an upgrade`,
        },
        {
          name: "Last-Event-ID", in: "header", schema: SOCKET_EVENT_SHAPE.after.schema,
          description: "The last seq that was seen; beats `after`. Only Server-Sent Events look at it.",
        },
      ],
    },
  };
}

const HEALTH: Readonly<Record<string, Operation>> = {
  "GET /healthz": {
    operationId: "getHealth", tag: "health",
    answers: {
      200: bare("It serves; `service` only for trusted callers.", {
        ok: { const: true }, status: { const: "ok" }, service: ref("ServiceStatus"),
      }, ["ok", "status"]),
    },
  },
  "GET /readyz": {
    operationId: "getReadiness", tag: "health", refuses: ["not_ready"],
    answers: { 200: bare("It can work.", { ok: { const: true }, status: { const: "ready" } }, ["ok", "status"]) },
  },
  "GET /v1/codexd/status": {
    operationId: "getStatus", tag: "health", answers: { 200: enveloped("Its state.", ref("Status")) },
  },
  "GET /metrics": {
    operationId: "getMetrics", tag: "health",
    answers: { 200: { description: "Prometheus text, version 0.0.4.", content: { [METRICS_TYPE]: TEXT } } },
  },
  "GET /openapi.json": {
    operationId: "getOpenApi", tag: "health",
    answers: { 200: { description: "This document.", content: { [JSON_CONTENT]: ANY_OBJECT } } },
  },
};

const SESSIONS: Readonly<Record<string, Operation>> = {
  "GET /v1/codexd/sessions": {
    operationId: "listSessions", tag: "sessions", answers: { 200: page("sessions", "Session") },
  },
  "POST /v1/codexd/sessions": {
    operationId: "createSession", tag: "sessions",
    refuses: ["not_found", "session_exists", "thread_locked", "storage_full", ...CHILD_ERRORS],
    answers: {
      201: data("Created, or resumed.", { session: ref("Session") }),
      200: data("`threadId` is that of an active session.", { session: ref("Session") }),
    },
  },
  "GET /v1/codexd/sessions/:id": {
    operationId: "getSession", tag: "sessions", refuses: ["not_found"],
    answers: { 200: data("The session.", { session: ref("Session"), recentEvents: listOf(ref("Event")) }) },
  },
  "POST /v1/codexd/sessions/:id/close": {
    operationId: "closeSession", tag: "sessions", refuses: ["not_found", "storage_full", ...CHILD_ERRORS],
    answers: { 200: data("Closed.", SESSION_STOPPED) },
  },
  "POST /v1/codexd/sessions/:id/interrupt": {
    operationId: "interruptSession", tag: "sessions", refuses: ["not_found", "storage_full", ...CHILD_ERRORS],
    answers: { 200: data("Stopped; `turn` is null where the session was idle.", SESSION_STOPPED) },
  },
};

const TURNS: Readonly<Record<string, Operation>> = {
  "GET /v1/codexd/sessions/:id/turns": {
    operationId: "listSessionTurns", tag: "turns", refuses: ["not_found"],
    answers: { 200: page("turns", "TurnSummary") },
  },
  "POST /v1/codexd/sessions/:id/turns": { operationId: "startSessionTurn", ...START_TURN },
  "POST /v1/codexd/turn": { operationId: "startTurn", ...START_TURN },
  "POST /v1/codexd/turns/:id/interrupt": {
    operationId: "interruptTurn", tag: "turns", refuses: ["not_found", "storage_full", ...CHILD_ERRORS],
    answers: { 200: data("The turn as it has ended.", { turn: ref("Turn"), ...STOPPED }) },
  },
  "GET /v1/codexd/turns": {
    operationId: "listTurns", tag: "turns", answers: { 200: page("turns", "TurnSummary") },
  },
  "GET /v1/codexd/turns/:id": {
    operationId: "getTurn", tag: "turns", refuses: ["not_found"],
    answers: { 200: data("The receipt so far, or of its end.", { turn: ref("Turn") }) },
  },
};

const RUNS: Readonly<Record<string, Operation>> = {
  "GET /v1/codexd/runs": {
    operationId: "listRuns", tag: "runs", answers: { 200: page("runs", "RunSummary") },
  },
  "POST /v1/codexd/runs": {
    operationId: "startRun", tag: "runs", refuses: ["not_found", "too_many_runs", "storage_full"],
    answers: {
      202: data("Queued.", { run: ref("Run") }),
      200: data("It has ended within `waitMs`.", { run: ref("Run") }),
    },
  },
  "GET /v1/codexd/runs/:id": {
    operationId: "getRun", tag: "runs", refuses: ["not_found"], answers: { 200: data("The run.", { run: ref("Run") }) },
  },
  "POST /v1/codexd/runs/:id/cancel": {
    operationId: "cancelRun", tag: "runs", refuses: ["not_found", "storage_full"],
    answers: { 200: data("Ended.", { run: ref("Run"), ...STOPPED }) },
  },
  "GET /v1/codexd/runs/:id/output": {
    operationId: "getRunOutput", tag: "runs", refuses: ["not_found", "cursor_ahead"],
    answers: {
      200: {
        description: "Bytes of the output, as the process has written them.",
        content: { "text/plain; charset=utf-8": TEXT },
        headers: {
          "Codexd-Next-Offset": { description: "Where the next request goes on; not when following.", schema: INTEGER },
        },
      },
    },
  },
};

/** For a route that nobody has described. */
export const UNDESCRIBED: AnswerDescription = enveloped("Success.", ANY_OBJECT);
