// The two followers that codexd brings: `createCodexdClient().events` and `codexd events`, each with what it was told.
//
// They come back by themselves, so nobody cuts them: their daemon's ends do. Invariant: what they say of a gap and of
// a connection that was lost is on record as what the events are.

import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createDeferred } from "../../src/base/deferred.ts";
import { createCodexdClient } from "../../src/client/client.ts";
import { REPOSITORY } from "./codex-install.ts";
import { StreamRecord } from "./stream-judge.ts";

export interface Follower {
  readonly record: StreamRecord;
  /** Resolves with its first event: from then on it outlives daemons. */
  readonly begun: Promise<void>;
  /** @param kills how often its daemon has ended. */
  end(kills: number): Promise<void>;
}

const GAP = /^codexd: events (\d+) to (\d+) are not kept any more$/;

/** On the Unix socket. */
export function startLibrary(stateDir: string): Follower {
  const record = new StreamRecord("library", {}, 0);
  const begun = createDeferred<void>();
  const client = createCodexdClient({ stateDir });
  const stop = new AbortController();
  const follow = async (): Promise<void> => {
    const options = { after: 0, signal: stop.signal };
    for await (const event of client.events({ ...options, onNotice(notice) {
      if (notice.type === "gap") record.gapTold(notice.after, notice.oldestSeq);
    } })) {
      record.event(event.seq, JSON.stringify(event));
      begun.resolve();
    }
  };
  const done = follow().catch((error: unknown) => {
    if (!stop.signal.aborted) record.problem(`the iteration has ended: ${String(error)}`);
    begun.resolve();
  });
  return {
    record,
    begun: begun.promise,
    async end() {
      stop.abort();
      await done;
      client.close();
    },
  };
}

/** A process, as in a terminal. */
export function startCommand(stateDir: string): Follower {
  const record = new StreamRecord("codexd events", {}, 0);
  const begun = createDeferred<void>();
  const args = [path.join(REPOSITORY, "dist/index.js"), "events", "--json", "--after", "0", "--state-dir", stateDir];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const said: string[] = [];
  let isOver = false;
  eachLine(child.stdout, (line) => {
    record.event((JSON.parse(line) as { seq: number }).seq, line);
    begun.resolve();
  });
  eachLine(child.stderr, (line) => {
    said.push(line);
    const gap = GAP.exec(line);
    if (gap !== null) record.gapTold(Number(gap[1]) - 1, Number(gap[2]) + 1);
  });
  const closed = once(child, "close").then(([code]) => {
    begun.resolve();
    if (!isOver || code !== 130) record.problem(`ended with ${String(code)}: ${said.join(" | ")}`);
  });
  return {
    record,
    begun: begun.promise,
    async end(kills) {
      isOver = true;
      child.kill("SIGINT");
      await closed;
      const lost = said.filter((line) => line.endsWith("; trying again")).length;
      const back = said.filter((line) => line.startsWith("codexd: connected again, behind event ")).length;
      // Retention that overtakes it is one more cause.
      if (lost !== back || (kills > 0 && back === 0)) {
        record.problem(`lost ${lost} times and back ${back} times, over ${kills} ends: ${said.join(" | ")}`);
      }
    },
  };
}

function eachLine(stream: NodeJS.ReadableStream, on: (line: string) => void): void {
  const parts: string[] = [];
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const [first = "", ...more] = chunk.split("\n");
    parts.push(first);
    for (const next of more) {
      on(parts.splice(0).join(""));
      parts.push(next);
    }
  });
}
