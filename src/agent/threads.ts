// The threads of the embedded agent: their settings, their history, and how they are described to a client.
//
// As with Codex a thread is not on disk before its first turn, and has to be resumed after a restart before it takes
// another. Invariant: what is remembered is bounded, whatever clients ask for; a thread whose turn runs is not dropped.

import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { isObject } from "../base/decode.ts";
import type { UuidSource } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { SANDBOX_MODES, type SandboxMode } from "../core/records.ts";
import { optionalText, Refusal, textOf, wrongType, type Params } from "./refusal.ts";
import { openThreadFile, withTurn, type KeptThread, type KeptTurn, type Settings } from "./thread-file.ts";

/** What it reports as its model, whatever it was asked for: it has none. */
const NO_MODEL = "embedded-agent";

/** Of this process. */
export interface Thread extends KeptThread {
  settings: Settings;
  turns: readonly KeptTurn[];
  updatedAt: number;
  readonly ephemeral: boolean;
  /** It may be given turns. */
  loaded: boolean;
  active: boolean;
  /** The client has accepted for the whole session what `ask` asks. */
  approved: boolean;
}

export interface Threads {
  /** @throws {Refusal} for settings that Codex would refuse. */
  create(params: Params): Thread;
  find(id: string): Thread | undefined;
  /** Takes a thread up again, with the settings of `params` where it has any. @throws {Refusal} as `create`. */
  load(thread: Thread, params: Params): void;
  /** Settings of a turn stay for later turns. @throws {Refusal} as `create`. */
  override(thread: Thread, params: Params): void;
  /** Those with a turn, the newest first. */
  list(): Thread[];
  keep(thread: Thread, turn: KeptTurn): void;
  describe(thread: Thread, turns?: readonly KeptTurn[]): Record<string, unknown>;
  /** What thread/start and thread/resume answer. */
  answer(thread: Thread, turns?: readonly KeptTurn[]): Record<string, unknown>;
}

export interface ThreadsOptions {
  readonly home: string;
  readonly version: string;
  readonly clock: Clock;
  readonly uuid: UuidSource;
}

/** @throws when `home` can be neither read nor made. */
export function openThreads({ home, version, clock, uuid }: ThreadsOptions): Threads {
  const file = openThreadFile(home);
  const threads = new Map<string, Thread>();
  const seconds = (): number => Math.floor(clock.now() / 1000);
  const add = (thread: Thread): Thread => {
    threads.set(thread.id, thread);
    for (const [id, { active }] of threads) {
      if (threads.size <= LIMITS.agentThreadsMax) break;
      if (!active && id !== thread.id) threads.delete(id);
    }
    return thread;
  };
  for (const kept of file.kept) add({ ...kept, ephemeral: false, loaded: false, active: false, approved: false });

  const describe: Threads["describe"] = (thread, turns = []) => ({
    id: thread.id, sessionId: thread.id, forkedFromId: null, preview: "", ephemeral: thread.ephemeral,
    historyMode: "paginated", modelProvider: "codexd", model: NO_MODEL, createdAt: thread.createdAt,
    updatedAt: thread.updatedAt, status: thread.active ? { type: "active", activeFlags: [] } : { type: "idle" },
    path: null, cwd: thread.settings.cwd, cliVersion: version, source: "vscode", name: null, turns,
  });

  return {
    describe,
    find: (id) => threads.get(id),

    create(params) {
      const settings = settingsOf(params, { cwd: process.cwd(), ...DEFAULTS });
      const at = seconds();
      const ephemeral = params["ephemeral"] === true;
      const state = { ephemeral, loaded: true, active: false, approved: false };
      return add({ id: uuid(), createdAt: at, updatedAt: at, settings, turns: [], ...state });
    },

    load(thread, params) {
      thread.settings = settingsOf(params, thread.settings);
      thread.loaded = true;
    },

    override(thread, params) {
      const { sandboxPolicy } = params;
      thread.settings = settingsOf({ ...params, sandbox: undefined }, thread.settings);
      if (sandboxPolicy === undefined || sandboxPolicy === null) return;
      if (!isObject(sandboxPolicy)) throw wrongType("sandboxPolicy", "an object");
      thread.settings = { ...thread.settings, sandbox: sandboxPolicy };
    },

    list: () => [...threads.values()].filter(({ turns }) => turns.length > 0).reverse(),

    keep(thread, turn) {
      thread.turns = withTurn(thread.turns, { ...turn, items: turn.items.map(keptItem) });
      thread.updatedAt = seconds();
      // The most recently used stands last.
      threads.delete(thread.id);
      threads.set(thread.id, thread);
      const last = thread.turns.at(-1);
      if (thread.ephemeral || last === undefined) return;
      file.put(thread, last, () => [...threads.values()].filter((one) => !one.ephemeral));
    },

    answer(thread, turns = []) {
      const { cwd, approvalPolicy, sandbox, serviceTier } = thread.settings;
      return {
        thread: describe(thread, turns), model: NO_MODEL, modelProvider: "codexd", serviceTier, cwd,
        runtimeWorkspaceRoots: [cwd], instructionSources: [], approvalPolicy, approvalsReviewer: "user", sandbox,
        reasoningEffort: null,
      };
    },
  };
}

const DEFAULTS = { approvalPolicy: "on-request", sandbox: { type: "workspaceWrite" }, serviceTier: null } as const;

const SANDBOX_TYPES: Readonly<Record<SandboxMode, string>> = {
  "read-only": "readOnly",
  "workspace-write": "workspaceWrite",
  "danger-full-access": "dangerFullAccess",
};

function settingsOf(params: Params, before: Settings): Settings {
  const mode = optionalText(params, "sandbox");
  const known = SANDBOX_MODES.find((one) => one === mode);
  if (mode !== null && known === undefined) {
    const expected = SANDBOX_MODES.map((one) => `\`${one}\``).join(", ");
    throw new Refusal(`Invalid request: unknown variant \`${mode}\`, expected one of ${expected}`);
  }
  return {
    cwd: path.resolve(before.cwd, optionalText(params, "cwd") ?? ""),
    approvalPolicy: params["approvalPolicy"] ?? before.approvalPolicy,
    sandbox: known === undefined ? before.sandbox : { type: SANDBOX_TYPES[known] },
    serviceTier: optionalText(params, "serviceTier") ?? before.serviceTier,
  };
}

/** An item as it is remembered: long texts, of prompts above all, would make the file as large as they like. */
function keptItem(item: Record<string, unknown>): Record<string, unknown> {
  const { content, text, aggregatedOutput } = item;
  const parts = Array.isArray(content) ? content.filter(isObject) : undefined;
  return {
    ...item,
    ...(parts === undefined ? {} : { content: [{ type: "text", text: cut(textOf(parts)), text_elements: [] }] }),
    ...(typeof text === "string" ? { text: cut(text) } : {}),
    ...(typeof aggregatedOutput === "string" ? { aggregatedOutput: cut(aggregatedOutput) } : {}),
  };
}

function cut(text: string): string {
  return text.slice(0, LIMITS.agentTextKeptCharsMax);
}
