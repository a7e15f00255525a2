// A codexd whose edge has the guard, as the product does, or a judge that lets all pass.
//
// The product has no such switch: only this program gives an edge another judge. Arguments: `guarded` or `open`, the
// state directory, the synthetic child. Prints {port, route, token} when the turn that is asked for has ended, and ends
// when its standard input does. Invariant: but for the judge both are the same, to the header fields of an answer.

import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { resolveCodexdConfig } from "../../src/config.ts";
import { CodexdDaemon } from "../../src/daemon.ts";
import { judge, type GuardContext, type GuardRequest, type Judge, type Pass } from "../../src/http/guard.ts";
import { readHeaders } from "../../src/http/headers.ts";
import { createEdgeJudgedBy } from "../../src/http/server.ts";

/** As long as a real one. */
const TOKEN = "0123456789abcdef0123456789abcdef0123456789a";
const JUDGES: Readonly<Record<string, Judge>> = { guarded: judge, open: passAll };

const [mode = "", stateDir = "", child = ""] = process.argv.slice(2);
const judgeOf = JUDGES[mode];
if (judgeOf === undefined) throw new Error(`guarded or open, not ${mode}`);
const config = resolveCodexdConfig({
  stateDir, repoRoot: "/", localApiBase: "http://127.0.0.1:0", serverCommand: process.execPath, serverArgs: [child],
}, {});
const daemon = new CodexdDaemon(config);
await daemon.start();
const { services } = daemon;
const edge = createEdgeJudgedBy(judgeOf, { config, services, token: TOKEN, clock: systemClock, log: silentLogger });
await edge.listen();
const route = `/v1/codexd/turns/${await endedTurn()}`;
console.log(JSON.stringify({ port: new URL(edge.baseUrl ?? "").port, route, token: TOKEN }));
process.stdin.resume().on("end", () => void daemon.stop(() => edge.stop()).then(() => process.exit(0)));

/** What reads a request is left of the guard, and nothing that refuses one. */
function passAll({ method, url, rawHeaders }: GuardRequest, { router }: GuardContext): Pass {
  const mark = url.indexOf("?");
  const match = router.match(mark === -1 ? url : url.slice(0, mark));
  const found = match?.routes.get(method);
  if (match === null || found === undefined) throw new Error(`the load asks for ${method} ${url}`);
  const query = mark === -1 ? "" : url.slice(mark + 1);
  const headers = readHeaders(rawHeaders);
  return { refused: null, route: found, params: match.params, query, headers, trusted: true, byToken: false };
}

/** What clients read most: the receipt of a turn. */
async function endedTurn(): Promise<string> {
  const { sessionId } = await daemon.createSession({});
  const { turn } = await daemon.createTurn({ sessionId, input: "DELTAS=3", waitMs: 10_000 });
  if (turn?.turnId == null) throw new Error("the turn has not ended");
  return turn.turnId;
}
