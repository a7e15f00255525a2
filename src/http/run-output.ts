// What a run has printed, as plain text: what is there now, or on until the run ends.
//
// Deliberately without a buffer: the next piece is read when the client has taken the last one, so a slow client
// costs a piece. Invariants: a client that goes ends its reading, never the run; an answer that could not be given
// whole breaks off, so that nobody takes a part for the whole.

import type { ServerResponse } from "node:http";
import { errorMessage } from "../core/errors.ts";
import type { RunStream } from "../core/runs.ts";
import type { RunOutput } from "../service/services.ts";
import { SECURITY_HEADERS } from "./reply.ts";
import type { Answer, EdgeContext } from "./route.ts";
import type { OpenStream } from "./streams.ts";

/** Where the next reading goes on; of an answer that follows it comes behind the text, as a trailer. */
const NEXT_OFFSET = "Codexd-Next-Offset";

export interface RunOutputRequest {
  readonly runId: string;
  readonly stream: RunStream;
  readonly after: number;
  /** Goes on until the run has ended. */
  readonly follow: boolean;
  readonly byToken: boolean;
}

/** @throws (rejects) what `RunService.output` throws, before anything is written. */
export async function runOutputAnswer(edge: EdgeContext, request: RunOutputRequest): Promise<Answer> {
  const { runId, stream, after } = request;
  const first = await edge.services.runs.output(runId, stream, after);
  return {
    stream(response) {
      const { follow } = request;
      const framing = follow
        ? { Connection: "close", Trailer: NEXT_OFFSET }
        : { "Content-Length": String(first.size - after), [NEXT_OFFSET]: String(first.size) };
      response.writeHead(200, { ...SECURITY_HEADERS, "Content-Type": "text/plain; charset=utf-8", ...framing });
      response.flushHeaders();
      const reader = openReader(response, edge, request.byToken);
      const sent = follow ? sendAll(response, first, reader) : sendUpTo(first.size, response, first, reader);
      sent.catch((error: unknown) => {
        const reason = errorMessage(error);
        if (!reader.gone.aborted) edge.log.warn("the output of a run broke off", { runId, reason });
        response.destroy();
      });
    },
  };

  async function sendAll(response: ServerResponse, from: RunOutput, { gone }: Reader): Promise<void> {
    for (let piece = from; !gone.aborted; piece = await edge.services.runs.output(runId, stream, piece.nextOffset)) {
      await send(response, piece.bytes, gone);
      if (piece.ended) {
        response.addTrailers({ [NEXT_OFFSET]: String(piece.nextOffset) });
        return void response.end();
      }
      await piece.more(gone);
    }
  }

  async function sendUpTo(end: number, response: ServerResponse, from: RunOutput, { gone }: Reader): Promise<void> {
    let at = after;
    for (let piece = from; !gone.aborted; piece = await edge.services.runs.output(runId, stream, at)) {
      // More may have come since the head of this answer said how much it is.
      const bytes = piece.bytes.subarray(0, end - at);
      at += bytes.length;
      if (at === end) return void response.end(bytes);
      if (bytes.length === 0) throw new Error(`the output ends at ${at}, before ${end}`);
      await send(response, bytes, gone);
    }
  }
}

interface Reader {
  /** Aborts when the client has gone, or is sent away. */
  readonly gone: AbortSignal;
}

function openReader(response: ServerResponse, { streams }: EdgeContext, byToken: boolean): Reader {
  const gone = new AbortController();
  // Broken off, not ended: a client must not take it for the end of the run.
  const cut = (): void => void response.destroy();
  const open: OpenStream = { kind: "output", byToken, end: cut, cut };
  streams.add(open);
  response.once("close", () => {
    streams.remove(open);
    gone.abort();
  });
  return { gone: gone.signal };
}

/** Resolves when the client has taken the bytes from codexd, or has gone. */
function send(response: ServerResponse, bytes: Buffer, gone: AbortSignal): Promise<void> {
  if (bytes.length === 0 || gone.aborted || response.write(bytes)) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      response.off("drain", finish);
      gone.removeEventListener("abort", finish);
      resolve();
    };
    response.on("drain", finish);
    gone.addEventListener("abort", finish, { once: true });
  });
}
