// What a daemon answers about itself, read by those who may be older or newer than it.
//
// Deliberately untyped: members are looked up one by one, and one that is not there is nothing worse than unknown.

import { isObject } from "../base/decode.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import type { CliContext } from "./command.ts";
import { replyProblem, requestJson, targetName, type DaemonTarget, type HttpReply } from "./http-client.ts";

/** The `data` of `GET /v1/codexd/status`. @throws {ExitError} 3 when nothing listens, 1 for an error reply. */
export async function readStatus(
  target: DaemonTarget,
  { io, signal }: CliContext,
): Promise<Record<string, unknown>> {
  const reply = await requestJson(target, { method: "GET", path: "/v1/codexd/status", signal }, io.clock);
  const data = member(reply.body, "data");
  if (reply.status === 200 && isObject(data)) return data;
  const hint = reply.status === 401 ? "; --token-file names the file with the token" : "";
  throw new ExitError(EXIT.failed, `${targetName(target)} answered: ${replyProblem(reply)}${hint}`);
}

/** `GET /readyz`: 200 when ready. @throws {ExitError} 3 when nothing listens. */
export async function readReadiness(target: DaemonTarget, { io, signal }: CliContext): Promise<Readiness> {
  const reply = await requestJson(target, { method: "GET", path: "/readyz", signal }, io.clock);
  return { ready: reply.status === 200, reasons: reply.status === 200 ? [] : reasonsOf(reply) };
}

export interface Readiness {
  readonly ready: boolean;
  /** One sentence each; without the token the daemon tells none. */
  readonly reasons: readonly string[];
}

/** The member at the end of `keys`, undefined where one is missing on the way. */
export function member(value: unknown, ...keys: string[]): unknown {
  let here = value;
  for (const key of keys) {
    if (!isObject(here) || !Object.hasOwn(here, key)) return undefined;
    here = here[key];
  }
  return here;
}

function reasonsOf(reply: HttpReply): string[] {
  const reasons = member(reply.body, "detail", "reasons");
  return Array.isArray(reasons) ? reasons.map(String) : [];
}
