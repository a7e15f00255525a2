// What codexd needs and uses of Codex, feature by feature, and which versions of Codex have it.
//
// Pure, and a table: a row says what the feature is for, what is lost without it, and the methods by whose refusal it
// is known at run time to be missing. Deliberately nothing about `codex exec`, which runs may take from elsewhere.
// Invariant: a version alone never makes codexd refuse; only a method that Codex itself says it does not have does.

import { EMBEDDED_AGENT } from "../core/embedded-agent.ts";
import type { CompatReport } from "../core/status.ts";

/** Versions of Codex that codexd was measured against, the oldest first. */
export const MEASURED_VERSIONS = ["0.116.0", "0.169.0"] as const;

type MeasuredVersion = (typeof MEASURED_VERSIONS)[number];

export interface CodexFeature {
  /** As it stands in `missing`. */
  readonly name: string;
  /** codexd cannot do its work without a needed one; without a wanted one it does it less well. */
  readonly need: "needed" | "wanted";
  /** What codexd does with it. */
  readonly use: string;
  /** What is different where it is missing. */
  readonly without: string;
  /** Each of them is needed for the feature; empty for one that is no method. */
  readonly methods: readonly string[];
  /** The oldest measured version that has it; left out where all have it. */
  readonly since?: MeasuredVersion;
}

function needed(name: string, methods: readonly string[], use: string, without: string): CodexFeature {
  return { name, need: "needed", methods, use, without };
}

function wanted(name: string, methods: readonly string[], use: string, without: string): CodexFeature {
  return { name, need: "wanted", methods, use, without };
}

/** Not there in the version measured before 0.169.0; those in between have it or not. */
function newer(name: string, methods: readonly string[], use: string, without: string): CodexFeature {
  return { name, need: "wanted", methods, use, without, since: "0.169.0" };
}

export const CODEX_FEATURES: readonly CodexFeature[] = [
  needed("threads", ["thread/start", "thread/resume"], "every session has one, and has it again after a restart",
    "no session can be made or come back"),
  needed("turns", ["turn/start"], "what is sent to a session is a turn", "no turn can be started"),
  needed("interrupt", ["turn/interrupt"], "stop, close and shutdown end turns with it", "no turn can be ended"),

  wanted("steer", ["turn/steer"], "adds to the turn that runs", "turns with `expectedTurnId` are refused"),
  wanted("background-terminals-clean", ["thread/backgroundTerminals/clean"],
    "ends the commands that a turn has left running", "only what codexd finds by its own marks is ended"),
  wanted("thread-list", ["thread/list"], "lists threads", "threads are not listed"),
  wanted("thread-read", ["thread/read"], "shows a thread, and whether it still works when an interrupt is not answered",
    "threads are not shown, and an interrupt that is not answered takes longer"),
  wanted("thread-fork", ["thread/fork"], "copies a thread", "threads are not copied"),
  wanted("thread-archive", ["thread/archive", "thread/unarchive"], "puts threads away and takes them out again",
    "threads are not put away"),
  wanted("thread-names", ["thread/name/set"], "names a thread", "threads get no names"),
  wanted("compact", ["thread/compact/start"], "shortens what the model is told of a thread",
    "threads are not shortened on request"),
  wanted("review", ["review/start"], "has changes reviewed", "nothing is reviewed on request"),
  wanted("models", ["model/list"], "says which models there are", "models are not listed"),
  wanted("account", ["account/read", "account/rateLimits/read"], "says who is logged in and what is left to use",
    "account or rate limits are not told"),

  newer("paged-history", ["thread/turns/list"], "looks up what became of a turn while the connection was lost",
    "the whole thread is read for it"),
  newer("exclude-turns", [], "resumes a thread without its history",
    "each resume costs the whole history, which takes longer the longer the thread is"),
  newer("turn-marks", [], "finds a turn whose id was never heard by the mark that it was sent with",
    "the newest turn that runs is taken for it"),
  newer("live-item-ids", [], "knows the items of a history as those that it has been told of",
    "they are recognized by what they say"),
  newer("settings-updates", [], "notes the settings of a thread that somebody else has changed",
    "the session keeps its own, and resumes with them"),
  newer("steer-aborts", [], "a steer is obeyed at once", "it is read when the message under way is whole"),
  newer("idle-interrupt-refusal", [], "hears at once that there was nothing to interrupt",
    "Codex does not answer, and codexd looks at the thread instead"),
  newer("command-before-approval", [], "shows the command that a question is about before the question",
    "it begins when it has been allowed"),
  newer("approval-kinds", [], "puts questions about permissions, MCP tools, tools of a client's own and to the user",
    "Codex asks about commands and changes of files only"),
  newer("thread-lock", [], "Codex lets one process at a time write a thread",
    "two can, and nobody is told 409 `thread_locked`"),
  newer("websocket-auth", [], "an external app-server asks for a token", "it takes whoever reaches its port"),
  newer("unix-socket", [], "an external app-server listens on a Unix socket", "it listens on TCP only"),
  newer("event-times", [], "events say when Codex made them (`emittedAtMs`)",
    "`emittedAtMs` is left out, and `createdAt` says when codexd heard of it"),
  newer("codex-home", [], "`GET /v1/codexd/codex` says where Codex has its home", "`codexHome` is left out"),
];

const METHODS: ReadonlySet<string> = new Set(CODEX_FEATURES.flatMap(({ methods }) => methods));

/** Whether Codex says that it has no such method; of others than those in the table it tells codexd nothing. */
export function lacksMethod(method: string, message: string): boolean {
  // A value that is not known is refused in the same words, with its own name.
  return METHODS.has(method) && message.startsWith(`Invalid request: unknown variant \`${method}\``);
}

export interface CompatFacts {
  /** As the handshake has told it; null where it has not. */
  readonly version: string | null;
  /** The handshake is over. */
  readonly connected: boolean;
  /** Methods of the table that this app-server has said it does not have. */
  readonly lacking: ReadonlySet<string>;
  /** codexd's, which an embedded agent that fits has too. */
  readonly ownVersion: string;
}

export function judgeCompat({ version, connected, lacking, ownVersion }: CompatFacts): CompatReport {
  // The embedded agent is no Codex: it has what it is made for, and fits the codexd that it came with.
  const embeddedAgent = version?.startsWith(`${EMBEDDED_AGENT}/`) ?? false;
  const missing = embeddedAgent ? [] : CODEX_FEATURES.filter((feature) => isMissing(feature, version, lacking));
  const measured: readonly string[] = MEASURED_VERSIONS;
  const tried = version !== null && (measured.includes(version) || version === `${EMBEDDED_AGENT}/${ownVersion}`);
  return {
    status: statusOf(missing, tried, version !== null || connected),
    version,
    known: measured,
    embeddedAgent,
    missing: missing.map(({ name }) => name),
  };
}

function statusOf(missing: readonly CodexFeature[], tried: boolean, told: boolean): CompatReport["status"] {
  if (missing.some(({ need }) => need === "needed")) return "refused";
  if (!told) return "unknown";
  return tried && missing.length === 0 ? "ok" : "degraded";
}

function isMissing({ methods, since }: CodexFeature, version: string | null, lacking: ReadonlySet<string>): boolean {
  if (methods.some((method) => lacking.has(method))) return true;
  const before = since === undefined ? undefined : MEASURED_VERSIONS[MEASURED_VERSIONS.indexOf(since) - 1];
  // Between the two it is not known: it counts as there until Codex refuses it.
  return before !== undefined && version !== null && isAtMost(version, before);
}

/** False where a version is not written as Codex writes them. What comes before a release counts as older than it. */
function isAtMost(version: string, limit: string): boolean {
  const [found, wantedMost] = [numbersOf(version), numbersOf(limit)];
  if (found === undefined || wantedMost === undefined) return false;
  const at = found.findIndex((number, i) => number !== wantedMost[i]);
  return at === -1 || (found[at] ?? 0) < (wantedMost[at] ?? 0);
}

function numbersOf(version: string): readonly number[] | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/.exec(version);
  return match?.slice(1, 4).map(Number);
}
