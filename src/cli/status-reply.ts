// What a daemon answers about itself, read by those who may be older or newer than it.
//
// Deliberately untyped: members are looked up one by one, and one that is not there is nothing worse than unknown.

import { isObject } from "../base/decode.ts";
import { targetName, type DaemonTarget } from "../client/target.ts";
import type { Readiness } from "../core/status.ts";
import type { CliContext } from "./command.ts";
import { clientOf, toExitError } from "./daemon-client.ts";

/** The `data` of `GET /v1/codexd/status`. @throws {ExitError} 3 when nothing listens, 1 for an error reply. */
export async function readStatus(target: DaemonTarget, context: CliContext): Promise<Record<string, unknown>> {
  const client = clientOf(target, context);
  try {
    return { ...(await client.status()) };
  } catch (error) {
    throw toExitError(error, targetName(target));
  } finally {
    client.close();
  }
}

/** `GET /readyz`; without the token the daemon tells no reasons. @throws {ExitError} as `readStatus`. */
export async function readReadiness(target: DaemonTarget, context: CliContext): Promise<Readiness> {
  const client = clientOf(target, context);
  try {
    return await client.ready();
  } catch (error) {
    throw toExitError(error, targetName(target));
  } finally {
    client.close();
  }
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
