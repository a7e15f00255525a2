// What Codex says of itself: version, models, account and rate limits, each for itself, so that one that it cannot say
// takes no other away.
//
// Deliberately nothing kept: each answer is asked for anew. Invariant: no credential leaves here. Codex tells none as
// measured; whatever later versions add under such a name is left out.

import type { Clock } from "../../base/clock.ts";
import { isObject } from "../../base/decode.ts";
import { readListPage } from "../../codex/thread-methods.ts";
import { EMBEDDED_AGENT } from "../../core/embedded-agent.ts";
import { errorMessage } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { redact } from "../../core/redact.ts";
import type { CodexService } from "../services.ts";
import type { AppServerGate, RunningAppServer } from "./app-server.ts";

export function createCodexAbout(appServer: AppServerGate, clock: Clock): CodexService["about"] {
  return async () => {
    const server = await appServer.ready();
    const errors: Record<string, string> = {};
    const orNull = async (name: string, answer: Promise<unknown>): Promise<unknown> => {
      try {
        return await answer;
      } catch (error) {
        errors[name] = redact(errorMessage(error));
        return null;
      }
    };
    const read = async (method: string): Promise<unknown> =>
      withoutCredentials(await server.client.call(method, {}, { timeoutMs: LIMITS.codexAboutMs }));
    const [models, account, rateLimits] = await Promise.all([
      orNull("models", readModels(server, clock, errors)),
      orNull("account", read("account/read")),
      orNull("rateLimits", read("account/rateLimits/read")),
    ]);
    const { version } = appServer;
    return {
      version,
      ...readHandshake(appServer.handshake),
      embeddedAgent: version?.startsWith(`${EMBEDDED_AGENT}/`) === true,
      models, account, rateLimits, errors,
    };
  };
}

/** All pages, within the time of one question and `LIMITS.codexModelPagesMax`. */
async function readModels(
  { client }: RunningAppServer, clock: Clock, errors: Record<string, string>,
): Promise<Array<Record<string, unknown>>> {
  const deadline = clock.monotonic() + LIMITS.codexAboutMs;
  const models: Array<Record<string, unknown>> = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < LIMITS.codexModelPagesMax; pages += 1) {
    const timeoutMs = Math.max(1, Math.ceil(deadline - clock.monotonic()));
    const page = readListPage(await client.call("model/list", cursor === null ? {} : { cursor }, { timeoutMs }));
    models.push(...page.items);
    cursor = page.nextCursor;
    if (cursor === null) return models;
  }
  errors["models"] = `Codex lists more than ${LIMITS.codexModelPagesMax} pages of models; the rest is left out`;
  return models;
}

function readHandshake(result: unknown): Record<string, string> {
  const { userAgent, codexHome } = isObject(result) ? result : {};
  return {
    ...(typeof userAgent === "string" ? { userAgent } : {}),
    ...(typeof codexHome === "string" ? { codexHome } : {}),
  };
}

const CREDENTIAL = /token|secret|password|credential|api_?key|authorization|cookie/i;
/** Deeper than anything that Codex tells of an account. */
const DEPTH_MAX = 16;

/** A flag or a number that has such a name is none. */
function withoutCredentials(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redact(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= DEPTH_MAX) return null;
  if (Array.isArray(value)) return value.map((element) => withoutCredentials(element, depth + 1));
  const kept = Object.entries(value).filter(([name, member]) => !CREDENTIAL.test(name) || isPlain(member));
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutCredentials(member, depth + 1)]));
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value === "boolean" || typeof value === "number";
}
