// A run's output, at once or as it comes.
//
// Followed, it outlives connections: the place where it broke off is known to the byte. Invariant: the text has every
// byte once, and no character is cut in two.

import type { Clock } from "../base/clock.ts";
import type { RunStream } from "../core/runs.ts";
import { clientError } from "./errors.ts";
import { recordPath, withQuery } from "./paths.ts";
import { createReconnect } from "./reconnect.ts";
import { isSuccess, readText, refusalOf } from "./replies.ts";
import type { WireReply } from "./wire.ts";

export interface OutputQuery {
  /** The answer (`message`) by default. */
  readonly stream?: RunStream | undefined;
  /** The byte to begin with. */
  readonly after?: number | undefined;
}

export interface OutputPart {
  /** A character that the end cuts shows as U+FFFD; `followRunOutput` has them whole. */
  readonly text: string;
  /** `after` for what comes next. */
  readonly nextOffset: number;
}

export interface FollowOutputOptions extends OutputQuery {
  readonly signal?: AbortSignal | undefined;
}

export interface OutputParts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly open: (path: string, signal: AbortSignal) => Promise<WireReply>;
  /** Whether the run has ended. */
  readonly ended: (signal: AbortSignal) => Promise<boolean>;
}

export function outputPath(runId: string, query: OutputQuery & { readonly follow?: 1 }): string {
  return withQuery(recordPath("runs", runId, "/output"), { ...query });
}

/** Ends with the run. @throws (on iteration) as `followEvents`. */
export async function* followOutput(
  runId: string, { stream, after = 0 }: OutputQuery, parts: OutputParts, signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const reconnect = createReconnect({ ...parts, signal, onLost: () => undefined });
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let offset = after;
  for (;;) {
    try {
      const reply = await parts.open(outputPath(runId, { stream, after: offset, follow: 1 }), signal);
      if (!isSuccess(reply)) throw refusalOf(await readText(reply));
      reconnect.connected();
      for await (const part of reply.body) {
        reconnect.alive();
        offset += part.length;
        const text = decoder.decode(part, { stream: true });
        if (text !== "") yield text;
        signal.throwIfAborted();
      }
      // A daemon that stops ends its answers in order, too.
      if (await parts.ended(signal)) break;
      throw clientError("request_failed", `${reply.from} has ended the output before the run`);
    } catch (error) {
      await reconnect.wait(error);
    }
  }
  const rest = decoder.decode();
  if (rest !== "") yield rest;
}
