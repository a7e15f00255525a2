// smoke: does a daemon start here, keep what it is told, and end in order? One line a check.
//
// Deliberately no turn and no run: nothing is asked of a model, so it costs nothing and needs no account. Invariant:
// what it has made in the system's temporary directory is gone when it ends, directories that were given stay.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { sleep, systemClock } from "../base/clock.ts";
import type { ResolvedConfig } from "../config.ts";
import type { CodexdConfig } from "../core/config.ts";
import { EXIT } from "../core/errors.ts";
import { CodexdLocalService, type LocalServiceStatus } from "../local-service.ts";
import { hasFlag, type CliContext, type CommandSpec } from "./command.ts";
import { agentInput } from "./demo.ts";
import { JSON_FLAG, jsonText } from "./print.ts";
import { createCliLogger } from "./serve.ts";
import { attempt, checkStateFiles, type CodexdSmokeCheck } from "./smoke-checks.ts";

export type { CodexdSmokeCheck } from "./smoke-checks.ts";

export interface CodexdSmokeResult {
  /** No check has failed. */
  readonly ok: boolean;
  readonly checks: readonly CodexdSmokeCheck[];
  /** While the daemon ran. */
  readonly status: LocalServiceStatus;
}

/** As the daemon takes them; `signal` ends its life early. */
export type CodexdSmokeOptions = NonNullable<ConstructorParameters<typeof CodexdLocalService>[1]> & {
  readonly signal?: AbortSignal;
};

/**
 * Starts a daemon with `config`, registers a session with the purpose `smoke` and closes it (with `mode: "exec"`
 * there is none), lives for `config.smokeLifetimeMs`, stops, and reads what lies in its directories.
 *
 * @throws {ExitError} whatever the start throws; a check that fails is part of the result.
 */
export async function runCodexdSmoke(
  config: CodexdConfig,
  { signal, ...options }: CodexdSmokeOptions = {},
): Promise<CodexdSmokeResult> {
  const service = new CodexdLocalService(config, options);
  await service.start();
  let status: LocalServiceStatus;
  let sessionId: string | null = null;
  try {
    const daemon = service.getDaemon();
    if (config.server.mode === "app-server") {
      ({ sessionId } = await daemon.registerSession({ purpose: "smoke" }));
      await daemon.closeSession(sessionId);
    }
    await sleep(options.clock ?? systemClock, config.smokeLifetimeMs, signal);
    status = service.getStatus();
  } finally {
    await service.stop();
  }
  const { identity } = status.snapshot;
  const checks = [
    await attempt("http", () => judgeListening(status)),
    await attempt("child", () => judgeChild(status)),
    ...(await checkStateFiles({ config, identity, sessionId })),
  ];
  return { ok: checks.every((check) => check.status === "ok"), checks, status };
}

export const smokeCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "start a daemon for a moment, and check that every state file holds what it should",
  notes: [
    "Without --state-dir it works in a temporary directory, which it removes; without --local-api-base it takes a\n",
    "free port. The child is the configured one; where Codex is not installed and no other is named, it is the\n",
    "embedded agent. No turn is started. Exit code 1 when a check fails.\n",
  ].join(""),
  flags: [JSON_FLAG],
  config: "all",
  run: runSmoke,
};

async function runSmoke(context: CliContext): Promise<number> {
  const { io, request, signal } = context;
  const given = context.resolveConfig();
  const temporary = isDefault(given, "stateDir") ? await mkdtemp(path.join(tmpdir(), "codexd-smoke-")) : null;
  try {
    const config = await smokeConfig(context, given, temporary);
    const result = await runCodexdSmoke(config, {
      log: createCliLogger(config, io), clock: io.clock, env: io.env, signal,
    });
    if (signal.aborted) return EXIT.interrupted;
    io.stdout(hasFlag(request, "json") ? jsonText(result) : result.checks.map(checkLine).join(""));
    return result.ok ? EXIT.ok : EXIT.failed;
  } finally {
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
  }
}

async function smokeConfig(
  { io, parts, resolveConfig }: CliContext,
  given: ResolvedConfig,
  temporary: string | null,
): Promise<CodexdConfig> {
  const { server, paths } = given.config;
  const found = await parts.resolveCommand(server.childCommand, io.env["PATH"], server.childCwd);
  // Who named a child wants that one tried.
  const needsAgent = found === null && isDefault(given, "serverCommand");
  const stateDir = temporary ?? paths.stateDir;
  return resolveConfig({
    ...(temporary === null ? {} : { stateDir }),
    ...(isDefault(given, "localApiBase") ? { localApiBase: "http://127.0.0.1:0" } : {}),
    ...(needsAgent ? agentInput(parts.agentProgram(), stateDir, {}) : {}),
  }).config;
}

function isDefault({ sources }: ResolvedConfig, name: string): boolean {
  return sources.some((source) => source.name === name && source.source === "default");
}

function judgeListening({ service }: LocalServiceStatus): string {
  if (!service.listening) throw new Error("the daemon did not listen");
  return `listened on ${service.resolvedBaseUrl}`;
}

function judgeChild({ snapshot }: LocalServiceStatus): string {
  const { status, command, args, endpoint, lastError } = snapshot.daemon.child;
  if (snapshot.config.server.mode === "exec") return "none, as --mode exec has none";
  const what = endpoint === "stdio://" ? [command, ...args].join(" ") : endpoint;
  if (status === "failed" || status === "restarting") throw new Error(`${status}: ${lastError ?? what}`);
  return `${status}: ${what}`;
}

function checkLine({ name, status, detail }: CodexdSmokeCheck): string {
  return `${status.padEnd(6)}  ${name.padEnd(22)}  ${detail}\n`;
}
