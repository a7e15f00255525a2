// demo: `start` on the embedded agent, so that codexd can be tried without Codex, account and network.
//
// Deliberately the same daemon with the same interfaces: only where its state lies and who answers differs. Invariant:
// nothing of a daemon that works is touched: codexd's environment variables do not count here, flags alone do.

import path from "node:path";
import type { CodexdConfigInput, Environment } from "../config.ts";
import type { CodexdConfig } from "../core/config.ts";
import { AGENT_PROMPTS } from "../core/embedded-agent.ts";
import { hasFlag, type AgentProgram, type CliContext, type CommandSpec, type StartedService } from "./command.ts";
import { JSON_FLAG } from "./print.ts";
import { RUN_ONCE_FLAG, serveInForeground } from "./serve.ts";
import { baseUrl, curlHeader, shellWord, startedJson, startedText } from "./started-text.ts";

const DEMO_BASE = "http://127.0.0.1:4320";
const DEMO_DIRECTORY = "codexd-demo";

export const demoCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "start on the embedded agent: no Codex, no account, no network needed",
  notes: [
    "It is a daemon like any other, but answers by rules: it is no model and says so. Its state is kept in\n",
    `${DEMO_DIRECTORY} beside codexd's own state directory, it listens on ${DEMO_BASE}. Flags change that;\n`,
    "codexd's environment variables are not looked at, so that a daemon which is set up by them stays untouched.\n",
    "\nPrompts:\n",
    ...AGENT_PROMPTS.map(({ prompt, does }) => `  ${prompt.padEnd(7)}  ${does}\n`),
  ].join(""),
  flags: [RUN_ONCE_FLAG, JSON_FLAG],
  config: "flags",
  run: runDemo,
};

async function runDemo(context: CliContext): Promise<number> {
  const { io, parts, request } = context;
  const env = withoutSettings(io.env);
  // Where everything goes that no flag moves.
  const plain = context.resolveConfig({}, env).config;
  const ownDir = path.join(path.dirname(plain.paths.stateDir), DEMO_DIRECTORY);
  const stateDir = isSet(request.config.stateDir) ? plain.paths.stateDir : ownDir;
  const { config } = context.resolveConfig({
    stateDir,
    localApiBase: DEMO_BASE,
    ...agentInput(parts.agentProgram(), stateDir, request.config),
  }, env);
  const describe = hasFlag(request, "json") ? demoJson : demoText;
  return serveInForeground(context, {
    config,
    acceptLoss: false,
    runOnce: hasFlag(request, "run-once"),
    describe: (started) => describe(started, config),
  });
}

/**
 * What makes the embedded agent the child and the program of runs; its threads lie in `stateDir`. A child that a flag
 * names is taken as it is.
 */
export function agentInput(agent: AgentProgram, stateDir: string, given: CodexdConfigInput): CodexdConfigInput {
  const home = ["--home", path.join(stateDir, "agent")];
  const runs = { execCommand: agent.command, execArgs: [...agent.args, ...home] };
  const child = { serverCommand: agent.command, serverArgs: [...agent.args, ...home, "app-server"] };
  return {
    ...(isSet(given.serverCommand) ? {} : child),
    ...(isSet(given.serverCommand) || isSet(given.execCommand) ? {} : runs),
  };
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function withoutSettings(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("BAA_")));
}

function demoJson(started: StartedService, config: CodexdConfig): string {
  return startedJson(started, config, { prompts: AGENT_PROMPTS });
}

function demoText(started: StartedService, config: CodexdConfig): string {
  const base = baseUrl(started, config);
  const curl = `curl -s ${curlHeader(config)}-H 'Content-Type: application/json'`;
  const url = (route: string): string => shellWord(`${base}/v1/codexd/${route}`);
  return [
    startedText(started, config),
    "\nIt is answered by codexd's embedded agent, which is no model. The prompts that it knows:\n",
    ...AGENT_PROMPTS.map(({ prompt, does }) => `  ${prompt.padEnd(7)} ${does}\n`),
    "\nTo paste into another terminal, where wscat as above shows the events: a session, a turn on it, a run.\n",
    `  SESSION=$(${curl} -d '{}' ${url("sessions")} | grep -o 'ses_[0-9a-f]*' | head -n 1)\n`,
    `  ${curl} -d '{"sessionId":"'$SESSION'","prompt":"hello","waitMs":10000}' ${url("turn")}\n`,
    `  ${curl} -d '{"prompt":"run","waitMs":10000}' ${url("runs")}\n`,
    "\nCtrl-C ends it; what it did is still there when it is started again.\n",
  ].join("");
}
