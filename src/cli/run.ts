// From arguments to an exit code: parses, runs one command, and turns what it throws into a message and a code.
//
// Deliberately never ends the process: who calls it does, with the code (see system-io.ts). Invariant: standard output
// gets nothing from here but help that was asked for.

import { resolveConfigWithSources } from "../config.ts";
import { EXIT, ExitError, errorMessage } from "../core/errors.ts";
import { readVersion } from "../version.ts";
import type { CliIo, CliParts, CodexdCliRequest, CommandName } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { parseCodexdCliRequest } from "./parse.ts";
import { getCodexdUsageText } from "./usage.ts";

/**
 * Runs a command line; never rejects. The process is to end with the result at once, also while promises are
 * pending: after a second signal `start` gives 130 while the daemon still stops.
 */
export async function runCodexdCli(argv: readonly string[], io: CliIo, parts: CliParts): Promise<number> {
  const release = io.hold();
  try {
    const request = parseCodexdCliRequest(argv);
    if (request.help) {
      io.stdout(getCodexdUsageText(request.command));
      return EXIT.ok;
    }
    return await runCommand(request, io, parts);
  } catch (error) {
    return report(error, io);
  } finally {
    release();
  }
}

/** Commands that run a daemon until they are told to stop. */
const SERVING: ReadonlySet<CommandName> = new Set<CommandName>(["start", "demo"]);

async function runCommand(request: CodexdCliRequest, io: CliIo, parts: CliParts): Promise<number> {
  const interruption = new AbortController();
  // A daemon ends in order at a signal; every other command is simply over.
  const serves = SERVING.has(request.command);
  const signals = serves ? [] : (["SIGINT", "SIGTERM"] as const);
  const removals = signals.map((signal) => io.onSignal(signal, () => interruption.abort()));
  // `codexd api … | head -1`: who prints a stream ends when nobody reads it; a daemon goes on.
  if (!serves) removals.push(io.onOutputClosed(() => interruption.abort()));
  try {
    return await COMMANDS[request.command].run({
      request,
      io,
      parts,
      signal: interruption.signal,
      resolveConfig: (presets = {}, env = io.env) =>
        resolveConfigWithSources({ ...presets, ...request.config }, env, io.platform),
      version: () => readVersion(),
      usage: getCodexdUsageText,
    });
  } catch (error) {
    // Whatever an interrupted request came to, the interruption is the reason.
    if (interruption.signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    for (const remove of removals) remove();
  }
}

function report(error: unknown, io: CliIo): number {
  if (error instanceof ExitError) {
    io.stderr(`codexd: ${error.message}\n`);
    return error.exitCode;
  }
  const trace = error instanceof Error ? error.stack : undefined;
  io.stderr(`codexd: internal error: ${trace ?? errorMessage(error)}\n`);
  return EXIT.failed;
}
