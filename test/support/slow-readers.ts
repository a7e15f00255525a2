// A daemon in whose turn some readers of the event stream stop reading, and what it costs everybody else.
//
// The child is the synthetic one of the benches: it writes as fast as it is read. Invariant: what a reader was told is
// judged by seq alone, over all its connections, by a parser that shares nothing with codexd.

import { mkdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createDeferred } from "../../src/base/deferred.ts";
import type { TurnRecord } from "../../src/core/records.ts";
import { startDaemon, type Daemon } from "./daemon.ts";
import { createSession, startTurn } from "./daemon-calls.ts";
import { readPages } from "./page-reader.ts";
import { requestText, type Door } from "./stream-visit.ts";
import { createReplyParser, type Form, type Told } from "./stream-parsers.ts";

const BLAST = fileURLToPath(new URL("../../scripts/bench/blast-app-server.mjs", import.meta.url));
/** What one delta is in the journal, with its padding. */
const PAD_CHARS = 700;
const EVENT_BYTES = 1000;
const LOOK_MS = 20;
const SLOW_REST_MS = 20;
const BYTE_REST_MS = 1000;
/** Who reads says so now and then, unasked (RFC 6455 §5.5.3): empty, with a mask of zeros. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const PONG_MS = 5000;

/** What passes the filters of the readers that have one. */
const PASSING = /^.{0,120}"type":"app-server\.turn\.message\./;

export type StreamForm = Exclude<Form, "page">;

/** How it reads: as fast as it can; some 64 KiB at a time with a rest behind each; or one byte a second. */
export type Manner = "quick" | "slow" | "bytewise";

/** One connection, which stops reading, and goes on, when its socket is told to. */
export interface Reader {
  readonly form: StreamForm;
  readonly cursor: number;
  /** Of a WebSocket's close frame; null where none has been read. */
  readonly closeCode: number | null;
  /** The first seq that did not follow, or what should not have been told. */
  readonly problem: string | null;
  /** Seqs that it was not told of, of one that has a filter. */
  readonly skipped: readonly number[];
  /** Seqs that the filter would not have let pass, of one that has none; and the last one that it would. */
  readonly others: ReadonlySet<number>;
  readonly lastPassing: number;
  readonly socket: Socket;
  /** Resolves when it has seen this seq; rejects when it ends before. */
  until(seq: number): Promise<void>;
  /** Resolves when the head of the reply has come. */
  readonly begun: Promise<void>;
  /** Resolves when its connection has gone. */
  readonly ended: Promise<void>;
}

/** @param filter more of the query, which lets pass what `PASSING` says and nothing else. */
export function openReader(
  door: Door, form: StreamForm, after: number, manner: Manner = "quick", filter = "",
): Reader {
  const socket = connectReading(door.port, manner, (bytes) => take(bytes));
  const begun = createDeferred<void>();
  const ended = createDeferred<void>();
  const skipped: number[] = [];
  const others = new Set<number>();
  let lastPassing = after;
  let cursor = after;
  let closeCode: number | null = null;
  let problem: string | null = null;
  let waits: Array<{ readonly seq: number; readonly done: ReturnType<typeof createDeferred<void>> }> = [];
  const tell = (told: Told): void => {
    if (told.kind === "closed") {
      closeCode = told.code;
      socket.end();
    } else if (told.kind === "wrong" || told.kind === "refused") problem ??= JSON.stringify(told);
    else if (told.kind === "event") {
      const passes = PASSING.test(told.text);
      if (passes) lastPassing = told.seq;
      else if (filter === "") others.add(told.seq);
      else problem ??= `${told.seq} came through the filter`;
      const follows = filter === "" ? told.seq === cursor + 1 : told.seq > cursor;
      if (!follows) problem ??= `${told.seq} came behind ${cursor}`;
      for (let seq = cursor + 1; seq < told.seq; seq += 1) skipped.push(seq);
      cursor = told.seq;
      if (waits.some(({ seq }) => seq <= cursor)) {
        for (const { done } of waits.filter(({ seq }) => seq <= cursor)) done.resolve();
        waits = waits.filter(({ seq }) => seq > cursor);
      }
    }
  };
  const parser = createReplyParser(form, tell);
  let wroteAt = Date.now();
  const take = (bytes: Buffer): void => {
    parser.push(bytes);
    if (parser.begun) begun.resolve();
    if (form !== "websocket" || Date.now() - wroteAt < PONG_MS) return;
    wroteAt = Date.now();
    socket.write(PONG);
  };
  socket.on("end", () => socket.end());
  socket.on("error", () => undefined);
  socket.on("close", () => {
    ended.resolve();
    for (const { done } of waits) done.reject(new Error(`${form}: ended at ${cursor}, ${closeCode}, ${problem}`));
  });
  const target = `/v1/codexd/events?after=${after}${form === "websocket" ? "&snapshot=0" : ""}${filter}`;
  socket.write(requestText(form, target, [`Host: 127.0.0.1:${door.port}`, `Authorization: Bearer ${door.token}`]));
  return {
    form, socket, skipped, others,
    get lastPassing() {
      return lastPassing;
    },
    begun: begun.promise,
    ended: ended.promise,
    get cursor() {
      return cursor;
    },
    get closeCode() {
      return closeCode;
    },
    get problem() {
      return problem;
    },
    until(seq) {
      if (cursor >= seq) return Promise.resolve();
      const done = createDeferred<void>();
      waits.push({ seq, done });
      return done.promise;
    },
  };
}

function connectReading(port: number, manner: Manner, take: (bytes: Buffer) => void): Socket {
  if (manner === "quick") return connect(port, "127.0.0.1").on("data", take);
  const [size, restMs] = manner === "slow" ? [64 * 1024, SLOW_REST_MS] : [1, BYTE_REST_MS];
  const callback = (count: number, buffer: Uint8Array): boolean => {
    take(Buffer.from(buffer.subarray(0, count)));
    void setTimeout(restMs).then(() => socket.resume());
    return false;
  };
  const socket = connect({ port, host: "127.0.0.1", onread: { buffer: Buffer.alloc(size), callback } });
  return socket;
}

export interface BlastDaemon {
  readonly daemon: Daemon;
  readonly door: Door;
  /** Runs a turn of so many bytes of events to its end; gives the newest seq then. */
  turn(bytes: number): Promise<number>;
  head(): Promise<number>;
  /** Of the turns. */
  readonly sessionId: string;
  rssBytes(): number;
}

export async function startBlastDaemon(stateDir: string): Promise<BlastDaemon> {
  mkdirSync(stateDir, { recursive: true });
  const flags = ["--server-command", process.execPath, "--server-arg", BLAST, "--journal-max-bytes", "4GiB"];
  const daemon = await startDaemon({ stateDir, flags });
  const { service, socketPath } = await daemon.started;
  const port = Number(new URL(service.resolvedBaseUrl).port);
  const session = await createSession(daemon);
  const head = async (): Promise<number> => {
    const { data } = await daemon.get<{ headSeq: number }>("/v1/codexd/events?limit=1");
    return data.headSeq;
  };
  const blast: BlastDaemon = {
    daemon, head, sessionId: session.sessionId,
    door: { port, socketPath: socketPath ?? "", token: await daemon.token() },
    async turn(bytes) {
      const input = `DELTAS=${Math.ceil(bytes / EVENT_BYTES)} PAD=${PAD_CHARS}`;
      const turnId = await startTurn(daemon, session, input);
      const route = `/v1/codexd/turns/${turnId}?waitMs=30000`;
      let status = "inProgress";
      while (status === "inProgress") ({ status } = (await daemon.get<{ turn: TurnRecord }>(route)).data.turn);
      if (status !== "completed") throw new Error(`the turn ended as ${status}`);
      return head();
    },
    rssBytes: () => rssBytesOf(daemon.pid),
  };
  return blast;
}

export interface SlowPlan {
  readonly stateDir: string;
  /** Of the events of a turn before it, so that the heap has grown to what a turn takes. */
  readonly warmUpBytes: number;
  /** Of the turn's events. */
  readonly bytes: number;
  /** Stop reading before the turn. */
  readonly stopped: readonly StreamForm[];
  /** Stop reading too, and have asked for the deltas of the session alone. */
  readonly filtered?: readonly StreamForm[];
  /** So many ask for page after page meanwhile. */
  readonly paging?: number;
  /** Come from the oldest event on and read on, slowly. */
  readonly slow: readonly StreamForm[];
  readonly bytewise: readonly StreamForm[];
  /** Whether those that have stopped read on only when they have been cut off; else as soon as the turn is over. */
  readonly cutOff: boolean;
  /** How many of those that come back read to the end; the others as much as shows that nothing is missing. */
  readonly wholeMax: number;
}

export interface SlowResult {
  readonly problems: readonly string[];
  readonly events: number;
  readonly turnMs: number;
  /** The daemon's size before the turn, when it is over, and the largest that was seen. */
  readonly warmBytes: number;
  readonly rssBytes: number;
  readonly peakBytes: number;
}

/** Behind its cut a reader comes back, and this many events show that it has missed none. */
const BACK_EVENTS = 5000;

export async function runSlowReaders(plan: SlowPlan): Promise<SlowResult> {
  const blast = await startBlastDaemon(plan.stateDir);
  try {
    return await judgeTurn(blast, plan);
  } finally {
    await blast.daemon.kill("SIGKILL");
  }
}

async function judgeTurn(blast: BlastDaemon, plan: SlowPlan): Promise<SlowResult> {
  const { door } = blast;
  const { filtered = [], paging = 0 } = plan;
  const healthy = openReader(door, "websocket", await blast.head());
  await healthy.begun;
  const start = await blast.turn(plan.warmUpBytes);
  await healthy.until(start);
  const warmBytes = blast.rssBytes();
  const slow = plan.slow.map((form) => openReader(door, form, 0, "slow"));
  const bytewise = plan.bytewise.map((form) => openReader(door, form, start, "bytewise"));
  const filter = `&session=${blast.sessionId}&type=app-server.turn.message.*`;
  const stopped = [
    ...plan.stopped.map((form) => ({ one: openReader(door, form, start), filter: "" })),
    ...filtered.map((form) => ({ one: openReader(door, form, start, "quick", filter), filter })),
  ];
  await Promise.all(stopped.map(({ one }) => one.begun));
  for (const { one } of stopped) one.socket.pause();
  const began = Date.now();
  const turn = blast.turn(plan.bytes);
  const pagers = Array.from({ length: paging }, () => readPages(blast.daemon, start, turn));
  const { value: end, sizes } = await watchSize(blast, turn);
  const turnMs = Date.now() - began;
  const rssBytes = blast.rssBytes();
  await healthy.until(end);
  const endOf = (by: string): number => (by === "" ? end : healthy.lastPassing);
  if (plan.cutOff) await cutOffs(blast, stopped.length + bytewise.length);
  for (const { one } of stopped) one.socket.resume();
  await Promise.all(stopped.map(({ one, filter: by }) => (plan.cutOff ? one.ended : one.until(endOf(by)))));
  const back: Reader[] = [];
  for (const [i, { one, filter: by }] of (plan.cutOff ? stopped : []).entries()) {
    const reader = openReader(door, one.form, one.cursor, "quick", by);
    await reader.until(i < plan.wholeMax ? endOf(by) : Math.min(endOf(by), one.cursor + BACK_EVENTS));
    reader.socket.destroy();
    back.push(reader);
  }
  const all = [healthy, ...slow, ...bytewise, ...stopped.map(({ one }) => one), ...back];
  const problems = [...all.flatMap(({ problem }) => problem ?? []), ...(await Promise.all(pagers)).flat()];
  const missed = all.flatMap(({ skipped }) => skipped.filter((seq) => !healthy.others.has(seq)));
  if (missed.length > 0) problems.push(`a filter has kept back ${missed.slice(0, 10).join(", ")}`);
  if (slow.some(({ socket }) => socket.destroyed)) problems.push("one that reads on has been cut off");
  const codes = stopped.filter(({ one }) => one.form === "websocket").map(({ one }) => one.closeCode);
  if (plan.cutOff && codes.some((code) => code !== 1013)) problems.push(`closed with ${codes.join(", ")}`);
  for (const { socket } of all) socket.destroy();
  return { problems, events: end - start, turnMs, warmBytes, rssBytes, peakBytes: Math.max(...sizes) };
}

/** Resolves when so many readers have been cut off. */
async function cutOffs({ daemon }: BlastDaemon, count: number): Promise<void> {
  for (let seen = 0; seen < count;) {
    await setTimeout(LOOK_MS * 10);
    const headers = { authorization: `Bearer ${await daemon.token()}` };
    const reply = await fetch(new URL("/metrics", (await daemon.started).service.resolvedBaseUrl), { headers });
    const cuts = (await reply.text()).matchAll(/^codexd_stream_cutoffs_total\{.*\} (\d+)$/gm);
    seen = [...cuts].reduce((sum, [, cut]) => sum + Number(cut), 0);
  }
}

function rssBytesOf(pid: number): number {
  return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
}

/** Looks at a daemon's size while `work` goes on. */
export async function watchSize<T>(daemon: BlastDaemon, work: Promise<T>): Promise<{ value: T; sizes: number[] }> {
  const sizes: number[] = [];
  const timer = setInterval(() => void sizes.push(daemon.rssBytes()), LOOK_MS);
  try {
    return { value: await work, sizes };
  } finally {
    clearInterval(timer);
  }
}
