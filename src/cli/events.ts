// events: follows the event stream in the terminal, over restarts of the daemon.
//
// Standard output has the events and nothing else; what happens to the connection is told on standard error.

import { assertNever } from "../base/assert.ts";
import type { CodexdClient } from "../client/api.ts";
import type { CodexdClientError } from "../client/errors.ts";
import type { FollowNotice, FollowOptions } from "../client/event-follow.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import type { CodexdEvent, EventGap } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import { flagValue, hasFlag, type CliContext, type CodexdCliRequest, type CommandSpec } from "./command.ts";
import { followingClient, printAll } from "./daemon-client.ts";
import { eventText } from "./event-text.ts";
import { CLIENT_FLAGS } from "./find-daemon.ts";

export const eventsCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "follow the event stream, also over restarts of the daemon",
  notes: "Without --after it begins with what happens from now on. Ctrl-C ends it.\n",
  flags: [
    { name: "after", takes: "SEQ", summary: "begin behind this event; 0 is from the oldest" },
    { name: "session", takes: "ID", summary: "only events of this session" },
    { name: "run", takes: "ID", summary: "only events of this run" },
    { name: "type", takes: "TYPE,…", summary: "only these types; * at the end is a wildcard; repeatable" },
    { name: "no-follow", takes: null, summary: "print what there is, from the oldest without --after, and end" },
    { name: "json", takes: null, summary: "one JSON document a line on standard output" },
    ...CLIENT_FLAGS,
  ],
  config: "state",
  run: runEvents,
};

async function runEvents(context: CliContext): Promise<number> {
  const { request, io } = context;
  const options = followOptions(request);
  const client = followingClient(context);
  const say = (text: string): void => io.stderr(`codexd: ${text}\n`);
  const tell = createTeller(say);
  const json = hasFlag(request, "json");
  const texts = async function* (): AsyncGenerator<string, void, undefined> {
    const follows = !hasFlag(request, "no-follow");
    for await (const event of follows ? client.events({ ...options, onNotice: tell }) : kept(client, options, say)) {
      yield json ? `${JSON.stringify(event)}\n` : eventText(event, io.colours);
    }
  };
  return printAll(context, client, texts());
}

/** The events up to the newest there is at the begin, so that it ends however many come meanwhile. */
async function* kept(
  client: CodexdClient, options: FollowOptions, say: (text: string) => void,
): AsyncGenerator<CodexdEvent, void, undefined> {
  let cursor = options.after ?? 0;
  for (let headSeq: number | undefined; headSeq === undefined || cursor < headSeq;) {
    const page = await client.listEvents({ ...options, after: cursor, limit: LIMITS.pageMax });
    const end = (headSeq ??= page.headSeq);
    for (const gap of page.gaps ?? []) say(gapText(gap, true));
    yield* page.events.filter(({ seq }) => seq <= end);
    if (page.nextAfter <= cursor) return;
    cursor = page.nextAfter;
  }
}

/** The seq of `--after`; null where it is not given. @throws {ExitError} 64 for a seq that is none. */
export function afterFlag(request: CodexdCliRequest): number | null {
  const after = flagValue(request, "after");
  if (after === undefined) return null;
  if (/^\d+$/.test(after) && Number.isSafeInteger(Number(after))) return Number(after);
  throw new ExitError(EXIT.usage, `--after takes the seq of an event, 0 or more, got ${JSON.stringify(after)}`);
}

/** @throws {ExitError} 64 for a seq that is none. */
function followOptions(request: CodexdCliRequest): FollowOptions {
  const types = request.options.flatMap(([flag, value]) => (flag === "type" ? value.split(",") : []));
  return {
    after: afterFlag(request),
    session: flagValue(request, "session"),
    run: flagValue(request, "run"),
    types: types.length === 0 ? null : types,
  };
}

/** Tells that the daemon has gone and come back once each, whatever the number of tries between. */
export function createTeller(say: (text: string) => void): (notice: FollowNotice) => void {
  let lost = false;
  return (notice) => {
    switch (notice.type) {
      case "connected":
        if (lost) say(`connected again, behind event ${notice.after}`);
        lost = false;
        return;
      case "lost":
        if (!lost) say(`${lostText(notice.error)}; trying again`);
        lost = true;
        return;
      case "gap":
        say(gapText({ fromSeq: notice.after + 1, toSeq: notice.oldestSeq - 1 }, notice.damaged));
        return;
      default:
        assertNever(notice);
    }
  };
}

export function gapText({ fromSeq, toSeq }: EventGap, damaged: boolean): string {
  const why = damaged ? "cannot be read; codexd doctor says why" : "are not kept any more";
  return `events ${fromSeq} to ${toSeq} ${why}`;
}

function lostText({ code, message }: CodexdClientError): string {
  return code === "no_daemon" ? "the daemon has gone" : message;
}
