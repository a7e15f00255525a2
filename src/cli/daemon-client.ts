// The client as commands use it, and what it throws as a message and an exit code.
//
// Invariant: whom a command talks to, and who gets a token, is for find-daemon.ts to say, before each connection.

import type { CodexdClient } from "../client/api.ts";
import { createCodexdClient } from "../client/client.ts";
import { CLIENT_ERROR_CODES, CodexdClientError } from "../client/errors.ts";
import type { DaemonTarget } from "../client/target.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import type { CliContext } from "./command.ts";
import { oneLine } from "./event-text.ts";
import { findDaemon } from "./find-daemon.ts";

/** A client of the daemon at `target`, which was just found; for commands that ask and are done. */
export function clientOf(target: DaemonTarget, { io, signal }: CliContext): CodexdClient {
  return createCodexdClient({ locate: async () => target, signal, clock: io.clock });
}

/** A client that looks for the daemon again at each request, for commands that outlive a restart. */
export function followingClient(context: CliContext): CodexdClient {
  const locate = async (): Promise<DaemonTarget> => {
    try {
      return await findDaemon(context);
    } catch (error) {
      // One that does not run now may do so later, which the client has to know.
      if (!(error instanceof ExitError) || error.exitCode !== EXIT.noDaemon) throw error;
      throw new CodexdClientError("no_daemon", error.message, { cause: error });
    }
  };
  return createCodexdClient({ locate, signal: context.signal, clock: context.io.clock });
}

/** Prints each text as it comes, until there are no more or the command is interrupted; gives the exit code. */
export async function printAll(
  { io, signal }: CliContext, client: CodexdClient, texts: AsyncIterable<string>,
): Promise<number> {
  try {
    for await (const text of texts) io.stdout(text);
    return EXIT.ok;
  } catch (error) {
    if (signal.aborted) return EXIT.interrupted;
    throw toExitError(error, "the daemon");
  } finally {
    client.close();
  }
}

/** An error of the client's for the person at the terminal; anything else as it came. */
export function toExitError(error: unknown, from: string): unknown {
  if (!(error instanceof CodexdClientError)) return error;
  if (error.code === "no_daemon") return new ExitError(EXIT.noDaemon, error.message, { cause: error });
  const hint = error.status === 401 ? "; --token-file names the file with the token" : "";
  const own = CLIENT_ERROR_CODES.some((code) => code === error.code);
  const message = own ? error.message : `${from} answered: ${oneLine(error.message)} (${oneLine(error.code)})`;
  return new ExitError(EXIT.failed, `${message}${hint}`, { cause: error });
}
