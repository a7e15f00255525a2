// The rows of the API's table that are about approvals.
//
// Invariant: as in routes.ts, a handler has no rules of its own: who may decide what, and when, the service says.

import { integer, nonEmptyString, oneOf } from "../base/decode.ts";
import { APPROVAL_STATUSES, type DecideApprovalInput } from "../core/approvals.ts";
import { LIMITS } from "../core/limits.ts";
import { decodeDecideApproval } from "../service/codex-inputs.ts";
import { numberField, PAGE_SHAPE, textField } from "./query.ts";
import { bodyOf, idOf, NO_BODY, route, type Route } from "./route.ts";

export const APPROVAL_ROUTES: readonly Route[] = [
  route({
    method: "GET", path: "/v1/codexd/approvals", body: NO_BODY, summary: "What Codex has asked, newest first",
    query: {
      ...PAGE_SHAPE,
      status: textField(oneOf(...APPROVAL_STATUSES, "all"), "pending (the default), resolved, orphaned or all"),
      session: textField(nonEmptyString, "only approvals of this sessionId"),
      waitMs: numberField(integer(0, LIMITS.waitMsMax), 0, `milliseconds to wait for one, to ${LIMITS.waitMsMax}`),
    },
    handle: async ({ services, query: { limit, cursor, status, session, waitMs }, hangUp }) => {
      const asked = { limit, cursor, status: status ?? "pending", sessionId: session, waitMs } as const;
      const { records, nextCursor } = await services.approvals.list(asked, waitMs > 0 ? hangUp() : undefined);
      return { data: { approvals: records, nextCursor } };
    },
  }),
  route({
    method: "GET", path: "/v1/codexd/approvals/:id", query: {}, body: NO_BODY,
    summary: "An approval, with all that a person needs to decide",
    handle: async ({ services, params }) => ({ data: { approval: await services.approvals.get(idOf(params)) } }),
  }),
  route({
    method: "POST", path: "/v1/codexd/approvals/:id", query: {},
    summary: "Decide, by a word or by the whole answer that its method takes",
    body: bodyOf<DecideApprovalInput>(decodeDecideApproval),
    handle: async ({ services, params, body }) => {
      return { data: { approval: await services.approvals.decide(idOf(params), body) } };
    },
  }),
];
