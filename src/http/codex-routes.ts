// The rows of the API's table that reach what Codex can do beyond sessions, turns and runs.
//
// Invariants: as in routes.ts, a handler has no rules of its own; results that can be many megabytes go out as the text
// that Codex has written.

import { array, described, nonEmptyString, string, type Decoder } from "../base/decode.ts";
import type { ForkThreadInput, ReviewThreadInput, RpcInput } from "../core/requests.ts";
import { decodeForkThread, decodeNameThread, decodeReviewThread, decodeRpc } from "../service/codex-inputs.ts";
import { BEGUN_WORK, FORKED_THREAD, type BegunWork } from "../service/idempotency/kept-forms.ts";
import { flagField, PAGE_SHAPE, textField } from "./query.ts";
import { rawAnswer } from "./raw-answer.ts";
import { bodyOf, idOf, NO_BODY, route, type Route } from "./route.ts";

const none = {};
const THREAD = "/v1/codexd/threads/:id";

/** A comma list. */
const sources: Decoder<string[]> = described((value: unknown, path: string) => {
  return array(nonEmptyString)(string(value, path).split(",").map((source) => source.trim()), path);
}, { type: "string", minLength: 1 });

export const CODEX_ROUTES: readonly Route[] = [
  route({
    method: "GET", path: "/v1/codexd/codex", query: none, body: NO_BODY,
    summary: "Codex's version, models, account and rate limits",
    handle: async ({ services }) => ({ data: await services.codex.about() }),
  }),
  route({
    method: "POST", path: "/v1/codexd/rpc", query: none, bodySize: "input",
    summary: "Any method of the app-server; its result as it came",
    body: bodyOf<RpcInput>(decodeRpc),
    handle: async ({ edge, services, body }) => rawAnswer(edge, await services.codex.rpc(body), "result"),
  }),
  route({
    method: "POST", path: "/v1/codexd/child/restart", query: none, body: NO_BODY,
    summary: "Restart the app-server, also out of `failed`; answers when it is there again",
    handle: async ({ services }) => ({ data: { child: await services.child.restart() } }),
  }),
  route({
    method: "GET", path: "/v1/codexd/threads", body: NO_BODY, summary: "Codex's threads, newest first",
    query: {
      ...PAGE_SHAPE,
      archived: flagField("1 for those that are archived"),
      cwd: textField(nonEmptyString, "only threads of this working directory"),
      source: textField(sources, "Codex's source kinds with commas between them, such as cli,exec"),
      search: textField(nonEmptyString, "words to look for"),
    },
    handle: async ({ services, query: { limit, cursor, archived, cwd, source, search } }) => {
      const asked = { limit, cursor, archived, cwd, sources: source, search };
      const { records, nextCursor } = await services.threads.list(asked);
      return { data: { threads: records, nextCursor } };
    },
  }),
  route({
    method: "GET", path: THREAD, body: NO_BODY, summary: "A thread as Codex tells it",
    query: { turns: flagField("1 for its turns and their items too") },
    handle: async ({ edge, services, params, query }) => {
      return rawAnswer(edge, await services.threads.read(idOf(params), query));
    },
  }),
  route({
    method: "POST", path: `${THREAD}/fork`, status: 201, query: none, creates: true,
    summary: "A new thread with what this one has",
    body: bodyOf<ForkThreadInput>(decodeForkThread),
    handle: ({ services, params, body, once }) =>
      once(FORKED_THREAD, () => services.threads.fork(idOf(params), body), (thread) => ({ data: { thread } })),
  }),
  route({
    method: "POST", path: `${THREAD}/archive`, query: none, body: NO_BODY, summary: "Archive a thread",
    handle: async ({ services, params }) => {
      const threadId = idOf(params);
      await services.threads.archive(threadId);
      return { data: { threadId } };
    },
  }),
  route({
    method: "POST", path: `${THREAD}/unarchive`, query: none, body: NO_BODY,
    summary: "Take a thread out of the archive",
    handle: async ({ services, params }) => ({ data: { thread: await services.threads.unarchive(idOf(params)) } }),
  }),
  route({
    method: "POST", path: `${THREAD}/name`, query: none, summary: "Name a thread",
    body: bodyOf<{ readonly name: string }>(decodeNameThread),
    handle: async ({ services, params, body: { name } }) => {
      const threadId = idOf(params);
      await services.threads.name(threadId, name);
      return { data: { threadId } };
    },
  }),
  route({
    // 202 here and below: Codex has begun a turn; its items arrive as events.
    method: "POST", path: `${THREAD}/compact`, status: 202, query: none, body: NO_BODY, creates: true,
    summary: "Compact a thread's history, in a turn of its own",
    handle: ({ services, params, once }) => {
      const threadId = idOf(params);
      const work = async (): Promise<BegunWork> => {
        await services.threads.compact(threadId);
        return { threadId };
      };
      return once(BEGUN_WORK, work, () => ({ data: { threadId } }));
    },
  }),
  route({
    method: "POST", path: `${THREAD}/review`, status: 202, query: none, creates: true,
    summary: "Begin a review, of the uncommitted changes unless it says otherwise",
    body: bodyOf<ReviewThreadInput>(decodeReviewThread),
    handle: ({ services, params, body, once }) => once(
      BEGUN_WORK, () => services.threads.review(idOf(params), body),
      ({ turnId, threadId }) => ({ data: { turnId, threadId } }),
    ),
  }),
];
