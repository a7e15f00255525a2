// The API as one table: what there is, what it takes and what answers.
//
// Deliberately without rules of its own: a handler only passes a decoded request on to its use case and names the
// members of the answer. Invariant: what is not a row here does not exist.

import { DecodeError, described, integer, oneOf } from "../base/decode.ts";
import { withOptional } from "../base/json-schema.ts";
import { CodexdError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { SESSION_PURPOSES, TURN_STATUSES, turnSummary, type Page, type TurnRecord } from "../core/records.ts";
import type { AcceptedTurn, CreateSessionInput, StartTurnInput, StopOutcome } from "../core/requests.ts";
import { ACCEPTED_TURN, CREATED_SESSION } from "../service/idempotency/kept-forms.ts";
import { decodeCreateSession, decodeStartTurn } from "../service/inputs.ts";
import { APPROVAL_ROUTES } from "./approval-routes.ts";
import { CODEX_ROUTES } from "./codex-routes.ts";
import { eventDetailRoute, eventRoute } from "./event-route.ts";
import { METRICS_ROUTE } from "./metrics-route.ts";
import { openApiRoute } from "./openapi-route.ts";
import { numberField, PAGE_SHAPE, textField } from "./query.ts";
import { prettyJson, successText } from "./reply.ts";
import {
  bodyOf, idOf, NO_BODY, route, type Answer, type BodyDecoder, type DataAnswer, type DecodedCall, type Route,
} from "./route.ts";
import { RUN_ROUTES } from "./run-routes.ts";
import { createTextCache, type TextCache } from "./text-cache.ts";
import { UPLOAD_ROUTE } from "./upload-route.ts";

const turnsShape = { ...PAGE_SHAPE, status: textField(oneOf(...TURN_STATUSES), "only turns of this status") };
const none = {};

export function createRoutes(options: { eventStreamPath: string }): Route[] {
  const receipts = createTextCache<TurnRecord>();
  const routes: Route[] = [
    ...HEALTH_ROUTES, ...SESSION_ROUTES, ...TURN_ROUTES, receiptRoute(receipts), ...RUN_ROUTES, ...APPROVAL_ROUTES,
    ...CODEX_ROUTES, UPLOAD_ROUTE, eventRoute(options.eventStreamPath), eventDetailRoute(options.eventStreamPath),
    METRICS_ROUTE, openApiRoute(() => routes, options.eventStreamPath),
  ];
  return routes;
}

/** The path says which session; a body may repeat it, but not say another. */
const decodeTurnOf: BodyDecoder<StartTurnInput> = described(
  (body: Record<string, unknown>, params: Readonly<Record<string, string>>) => {
    const sessionId = idOf(params);
    const told = body["sessionId"] ?? sessionId;
    if (told !== sessionId) throw new DecodeError("sessionId", "must be the one in the path, or be left out");
    return decodeStartTurn({ ...body, sessionId }, "");
  },
  withOptional(decodeStartTurn.schema ?? {}, "sessionId"),
);

const HEALTH_ROUTES: readonly Route[] = [
  route({
    method: "GET", path: "/healthz", open: true, query: none, body: NO_BODY, summary: "Whether codexd serves",
    handle: ({ services, pass }) => {
      const service = pass.trusted ? { service: services.status.service() } : {};
      return { status: 200, text: prettyJson({ ok: true, status: "ok", ...service }) };
    },
  }),
  route({
    method: "GET", path: "/readyz", open: true, query: none, body: NO_BODY,
    summary: "Whether the child answers and state can be written",
    handle: ({ services, pass }) => {
      const { ready, reasons } = services.status.readiness();
      if (ready) return { status: 200, text: prettyJson({ ok: true, status: "ready" }) };
      // Reasons name paths and commands: for trusted callers only.
      throw new CodexdError("not_ready", "codexd is not ready", pass.trusted ? { reasons } : undefined);
    },
  }),
  route({
    method: "GET", path: "/v1/codexd/status", query: none, body: NO_BODY,
    summary: "The service, its snapshot, limits and compatibility",
    handle: async ({ services }) => ({ data: await services.status.status() }),
  }),
];

const SESSION_ROUTES: readonly Route[] = [
  route({
    method: "GET", path: "/v1/codexd/sessions", body: NO_BODY, summary: "Sessions, newest first",
    query: {
      ...PAGE_SHAPE,
      status: textField(oneOf("active", "closed"), "only sessions of this status"),
      purpose: textField(oneOf(...SESSION_PURPOSES), "only sessions of this purpose"),
    },
    handle: async ({ services, query }) => {
      const { records, nextCursor } = await services.sessions.list(query);
      return { data: { sessions: records, nextCursor } };
    },
  }),
  route({
    method: "POST", path: "/v1/codexd/sessions", status: 201, query: none, creates: true,
    summary: "Create a session, or resume a thread",
    body: bodyOf<CreateSessionInput>(decodeCreateSession),
    handle: ({ services, body, once }) => once(
      CREATED_SESSION, (keeping) => services.sessions.create(body, keeping),
      ({ session, created }) => (created ? { data: { session } } : { data: { session }, status: 200 }),
    ),
  }),
  route({
    method: "GET", path: "/v1/codexd/sessions/:id", query: none, body: NO_BODY,
    summary: "A session and its recent events",
    handle: async ({ services, params }) => ({ data: await services.sessions.get(idOf(params)) }),
  }),
  route({
    method: "POST", path: "/v1/codexd/sessions/:id/close", query: none, body: NO_BODY,
    summary: "Close a session; its turns that run or wait are interrupted first",
    handle: async ({ services, params }) => stopAnswer(await services.sessions.close(idOf(params))),
  }),
  route({
    method: "POST", path: "/v1/codexd/sessions/:id/interrupt", query: none, body: NO_BODY,
    summary: "End a session's turn, those that wait for it and the commands they left; answers when all have ended",
    handle: async ({ services, params }) => stopAnswer(await services.sessions.interrupt(idOf(params))),
  }),
  route({
    method: "GET", path: "/v1/codexd/sessions/:id/turns", query: turnsShape, body: NO_BODY,
    summary: "A session's turns, newest first",
    handle: async ({ services, params, query }) => {
      return turnPage(await services.turns.list({ ...query, sessionId: idOf(params) }));
    },
  }),
  route({
    // 202, not 200: the turn has been accepted and journaled; its items arrive as events.
    method: "POST", path: "/v1/codexd/sessions/:id/turns", status: 202, query: none, bodySize: "input", creates: true,
    summary: "Start, queue or steer a turn of this session",
    body: decodeTurnOf,
    handle: startTurn,
  }),
];

const TURN_ROUTES: readonly Route[] = [
  route({
    method: "POST", path: "/v1/codexd/turn", status: 202, query: none, bodySize: "input", creates: true,
    summary: "Start, queue or steer a turn",
    body: bodyOf(decodeStartTurn),
    handle: startTurn,
  }),
  route({
    method: "GET", path: "/v1/codexd/turns", query: turnsShape, body: NO_BODY, summary: "All turns, newest first",
    handle: async ({ services, query }) => turnPage(await services.turns.list({ ...query, sessionId: null })),
  }),
  route({
    method: "POST", path: "/v1/codexd/turns/:id/interrupt", query: none, body: NO_BODY,
    summary: "Interrupt a turn that runs, or withdraw one that waits",
    handle: async ({ services, params }) => {
      const { turn, stopped, survived } = await services.turns.interrupt(idOf(params));
      return { data: { turn, stopped, survived } };
    },
  }),
];

/** The receipt of a turn that has ended never changes, and is read again and again. */
function receiptRoute(receipts: TextCache<TurnRecord>): Route {
  return route({
    method: "GET", path: "/v1/codexd/turns/:id", body: NO_BODY, summary: "A turn's receipt, by turnId or submissionId",
    query: {
      waitMs: numberField(integer(0, LIMITS.waitMsMax), 0, `milliseconds to wait for its end, to ${LIMITS.waitMsMax}`),
      waitFor: textField(oneOf("approval", "end"), "approval: the wait is also over when it waits for one; else end"),
    },
    handle: async ({ services, params, query: { waitMs, waitFor }, hangUp }) => {
      const signal = waitMs > 0 ? hangUp() : undefined;
      const turn = await services.turns.get(idOf(params), waitMs, signal, waitFor ?? "end");
      if (turn.lastSeq === null) return { data: { turn } };
      return { text: receipts.get(turn, () => successText({ turn })), status: 200 };
    },
  });
}

function startTurn({ services, body, hangUp, once }: DecodedCall<object, StartTurnInput>): Promise<Answer> {
  const signal = body.waitMs === undefined ? undefined : hangUp();
  return once(ACCEPTED_TURN, (keeping) => services.turns.start(body, signal, keeping), acceptedAnswer);
}

function acceptedAnswer({ session, submissionId, turnId, turn, approvals }: AcceptedTurn): DataAnswer {
  if (turn !== null) return { data: { turn }, status: 200 };
  const accepted = { accepted: true, session, submissionId, turnId };
  return { data: approvals.length === 0 ? accepted : { ...accepted, approvals } };
}

function stopAnswer({ session, turn, queuedTurns, stopped, survived }: StopOutcome): Answer {
  return { data: { session, turn, queuedTurns, stopped, survived } };
}

function turnPage({ records, nextCursor }: Page<TurnRecord>): Answer {
  return { data: { turns: records.map(turnSummary), nextCursor } };
}
