// The calls that reach Codex itself: any method of the app-server, its threads, what it is, and images for it.
//
// What Codex says is passed on as it came and never checked: its versions differ.

import type { ChildState } from "../core/records.ts";
import type { UploadRecord } from "../core/requests.ts";
import type { CodexdClient, ThreadDetail } from "./api.ts";
import type { Calls, CallSettings } from "./calls.ts";
import { clientError } from "./errors.ts";
import { API, recordPath, withQuery } from "./paths.ts";
import { member, pageOf } from "./record-calls.ts";

type CodexCalls = Pick<CodexdClient, "rpc" | "codex" | "restartChild" | "upload">;

export function codexCalls(calls: Calls): CodexCalls {
  return {
    async rpc(method, params, { timeoutMs, ...options } = {}) {
      const settings = { ...options, work: true, waitMs: timeoutMs };
      const data = await calls.data("POST", `${API}/rpc`, { method, params, timeoutMs }, settings);
      if ("result" in data) return data["result"];
      throw clientError("bad_reply", "the answer has no result");
    },
    codex: (options) => calls.data("GET", `${API}/codex`, undefined, { ...options, work: true }),
    async restartChild(options) {
      const data = await calls.data("POST", `${API}/child/restart`, {}, { ...options, work: true });
      return member<ChildState>(data, "child");
    },
    async upload(sessionId, bytes, mediaType, options = {}) {
      const path = `${API}/uploads`;
      if (mediaType !== undefined) {
        const settings = { ...options, work: true, headers: { "Content-Type": mediaType } };
        const data = await calls.data("POST", withQuery(path, { session: sessionId }), bytes, settings);
        return member<UploadRecord>(data, "upload");
      }
      // As bytes it would have to bear a type; as JSON the daemon looks for itself.
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
      const data = await calls.data("POST", path, { sessionId, data: text }, { ...options, work: true });
      return member<UploadRecord>(data, "upload");
    },
  };
}

type ThreadCalls = Pick<
  CodexdClient,
  | "listThreads" | "readThread" | "forkThread" | "archiveThread" | "unarchiveThread" | "nameThread" | "compactThread"
  | "reviewThread"
>;

export function threadCalls(calls: Calls): ThreadCalls {
  const ask = (threadId: string, action: string, body: unknown, options: CallSettings = {}) => {
    return calls.data("POST", recordPath("threads", threadId, action), body, { ...options, work: true });
  };
  return {
    async listThreads({ sources, archived, ...query } = {}, options = {}) {
      const path = withQuery(`${API}/threads`, { ...query, archived: flag(archived), source: sources });
      return pageOf(await calls.data("GET", path, undefined, { ...options, work: true }), "threads");
    },
    async readThread(threadId, { turns, ...options } = {}) {
      const path = withQuery(recordPath("threads", threadId), { turns: flag(turns) });
      return threadOf(await calls.data("GET", path, undefined, { ...options, work: true }));
    },
    forkThread: async (threadId, input = {}, options = {}) => threadOf(await ask(threadId, "/fork", input, options)),
    async archiveThread(threadId, options) {
      await ask(threadId, "/archive", {}, options);
    },
    unarchiveThread: async (threadId, options) => threadOf(await ask(threadId, "/unarchive", {}, options)),
    async nameThread(threadId, name, options) {
      await ask(threadId, "/name", { name }, options);
    },
    async compactThread(threadId, options) {
      await ask(threadId, "/compact", {}, options);
    },
    async reviewThread(threadId, input = {}, options = {}) {
      return await ask(threadId, "/review", input, options) as { turnId: string | null; threadId: string };
    },
  };
}

function flag(value: boolean | undefined): 0 | 1 | undefined {
  return value === undefined ? undefined : value ? 1 : 0;
}

function threadOf(data: Record<string, unknown>): ThreadDetail {
  return member<ThreadDetail>(data, "thread");
}
