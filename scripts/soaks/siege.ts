// The soak `siege`: slow heads, slow bodies, 500 connections, endless bodies, large ones, tiny chunks and `n` thousand
// requests, while health is asked on the Unix socket, and on TCP where that is below its cap; all but the slow ones
// six times, so that memory shows whether it stays.
//
// The limits are the daemon's own, so that a siege takes a minute. Health is asked by processes of their own, and that
// of an idle daemon beside it: where that is late too, the figures are those of the machine.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { LIMITS } from "../../src/core/limits.ts";
import { startDaemon } from "../../test/support/daemon.ts";
import { openRaw, type RawConnection } from "../../test/support/raw-http.ts";
import type { SoakOptions, SoakResult } from "../soak.ts";

const HEALTH_MS_MAX = 200;
/** Over the first requests: the room for bodies, and texts and values of them that the collector has not looked at. */
const GROWN_MIB_MAX = 400;
/** From the most after the first half of the rounds to the last: by then the collector has found its size. */
const CLIMBED_MIB_MAX = 32;
const ROUNDS = 6;
const SLOW = 100;
const TURN = "POST /v1/codexd/turn HTTP/1.1";
const CHUNKED = ["Content-Type: application/json", "Transfer-Encoding: chunked"];
const WATCH = path.join(import.meta.dirname, "../bench/health-watch.mjs");

interface Besieged {
  readonly port: number;
  readonly socketPath: string;
  readonly head: (first: string, ...fields: readonly string[]) => string;
  readonly n: number;
}

/** Gives what went wrong. */
type Attack = (besieged: Besieged) => Promise<string[]>;

const ATTACKS: ReadonlyArray<readonly [name: string, tcpIsFull: boolean, attack: Attack]> = [
  ["slow heads and bodies", false, async (place) => (await Promise.all([slowHeads(place), slowBodies(place)])).flat()],
  ["500 connections", true, fiveHundred],
];

const REPEATED: typeof ATTACKS = [
  ["endless bodies", false, endlessBodies],
  ["large bodies", false, largeBodies],
  ["tiny chunks", false, tinyChunks],
  ["requests", false, requests],
];

export async function run({ n, log }: SoakOptions): Promise<SoakResult> {
  const stateDir = mkdtempSync(path.join(tmpdir(), "codexd-siege-"));
  const idleDir = mkdtempSync(path.join(tmpdir(), "codexd-siege-"));
  const daemon = await startDaemon({ stateDir, command: "demo" });
  const idle = await startDaemon({ stateDir: idleDir, command: "demo" });
  try {
    const idlePlace = (await idle.started).socketPath ?? "";
    const { service, socketPath } = await daemon.started;
    const port = Number(new URL(service.resolvedBaseUrl).port);
    const own = [`Host: 127.0.0.1:${port}`, `Authorization: Bearer ${await daemon.token()}`];
    const head: Besieged["head"] = (first, ...fields) => `${[first, ...own, ...fields].join("\r\n")}\r\n\r\n`;
    const besieged: Besieged = { port, socketPath: socketPath ?? "", head, n };
    const detail: Record<string, unknown> = {};
    let failures = 0;
    // What the first requests make stays: it is not the siege's.
    await requests({ ...besieged, n: 5 });
    const before = residentMib(daemon.pid);
    const suffer = async (name: string, tcpIsFull: boolean, attack: Attack): Promise<void> => {
      const atRest = watchHealth(idlePlace, port);
      const watches = [watchHealth(besieged.socketPath, port), ...(tcpIsFull ? [] : [watchHealth("", port)])];
      const problems = await attack(besieged);
      const healths = await Promise.all(watches.map((end) => end()));
      const grownMib = residentMib(daemon.pid) - before;
      for (const { most, failed } of healths) if (most > HEALTH_MS_MAX || failed > 0) problems.push("health was late");
      if (grownMib > GROWN_MIB_MAX) problems.push("memory has grown");
      const wrong = problems.length === 0 ? {} : { problems: problems.slice(0, 3) };
      detail[name] = { healths, idleMost: (await atRest()).most, grownMib, ...wrong };
      log(`${name}: ${JSON.stringify(detail[name])}`);
      if (problems.length > 0) failures += 1;
    };
    for (const each of ATTACKS) await suffer(...each);
    const rounds: number[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      for (const [name, ...how] of REPEATED) await suffer(`${name}, round ${round}`, ...how);
      rounds.push(residentMib(daemon.pid));
    }
    log(`resident MiB after each round: ${rounds.join(", ")}`);
    if ((rounds.at(-1) ?? 0) - Math.max(...rounds.slice(0, ROUNDS / 2)) > CLIMBED_MIB_MAX) failures += 1;
    return { failures, detail: { ...detail, rounds } };
  } finally {
    await Promise.all([daemon.kill("SIGTERM"), idle.kill("SIGTERM")]);
    for (const dir of [stateDir, idleDir]) rmSync(dir, { recursive: true, force: true });
  }
}

/** Until the function it gives is called. */
function watchHealth(socketPath: string, port: number) {
  const child = spawn(process.execPath, [WATCH, socketPath, String(port)], { stdio: ["pipe", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  const gone = new Promise((resolve) => child.on("close", resolve));
  return async () => {
    child.stdin.end();
    await gone;
    const took = (JSON.parse(text) as number[]).toSorted((a, b) => a - b);
    const at = (share: number): number => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? -1;
    const failed = took.filter((ms) => ms < 0).length;
    const on = socketPath === "" ? "tcp" : "unix";
    return { on, asked: took.length, failed, p50: at(0.5), p99: at(0.99), most: at(1) };
  };
}

function slowHeads(place: Besieged): Promise<string[]> {
  return slow(place, "GET /healthz HTTP/1.1\r\nHost: codexd\r\nX: ", LIMITS.headersMs);
}

function slowBodies(place: Besieged): Promise<string[]> {
  const fields = ["Content-Type: application/json", "Content-Length: 100000"];
  return slow(place, place.head("POST /v1/codexd/runs HTTP/1.1", ...fields), LIMITS.requestMs);
}

/** A byte each 200 ms on many connections: each is 408 when its time is over, within three looks of the daemon's. */
async function slow({ port }: Besieged, bytes: string, limitMs: number): Promise<string[]> {
  const began = performance.now();
  const all = Array.from({ length: SLOW }, () => openRaw({ port }, bytes));
  const drip = setInterval(() => all.forEach(({ socket }) => socket.writable && socket.write("x")), 200);
  const ends = await Promise.all(all.map(async (connection) => {
    const { status } = await connection.reply();
    const ms = performance.now() - began;
    const inTime = ms >= limitMs && ms <= limitMs + 3 * LIMITS.connectionsCheckMs;
    return status === 408 && inTime ? [] : [`a slow one was answered ${status} after ${Math.round(ms)} ms`];
  }));
  clearInterval(drip);
  await close(all);
  return ends.flat();
}

async function fiveHundred({ port, head }: Besieged): Promise<string[]> {
  const bytes = head("GET /v1/codexd/events?format=ndjson HTTP/1.1");
  const all = Array.from({ length: 500 }, () => openRaw({ port }, bytes));
  const settled = await Promise.allSettled(all.map((each) => each.until((text) => text.includes("HTTP/1.1 200"))));
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await close(all);
  const held = settled.filter(({ status }) => status === "fulfilled").length;
  return held === LIMITS.connectionsMax ? [] : [`${held} of 500 were taken`];
}

/** Of ten who have the token, and of ten who are refused before a byte is read. */
async function endlessBodies({ port, head }: Besieged): Promise<string[]> {
  const trusted = head(TURN, ...CHUNKED);
  const stranger = `${[TURN, `Host: 127.0.0.1:${port}`, ...CHUNKED].join("\r\n")}\r\n\r\n`;
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  const ends = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    const connection = openRaw({ port }, i % 2 === 0 ? trusted : stranger);
    const pour = (): void => {
      while (connection.socket.writable && connection.socket.write(chunk));
    };
    connection.socket.on("drain", pour);
    pour();
    const { status } = await connection.reply();
    await connection.closed;
    return status === (i % 2 === 0 ? 413 : 401) ? [] : [`an endless body was answered ${status}`];
  }));
  return ends.flat();
}

/** All at once, as long as they may be, and of what takes the longest to parse. */
async function largeBodies({ port, head }: Besieged): Promise<string[]> {
  const body = `{"a":"${'\\"'.repeat(LIMITS.inputBodyBytesMax / 2 - 4)}"}`;
  const bytes = Buffer.from(head(TURN, "Content-Type: application/json", `Content-Length: ${body.length}`) + body);
  const all = Array.from({ length: 10 }, () => openRaw({ port }, bytes));
  const replies = await Promise.all(all.map((connection) => connection.reply()));
  await close(all);
  return replies.flatMap(({ status }) => (status === 400 ? [] : [`a large body was answered ${status}`]));
}

/** Of one byte each: who kept each of them would need hundreds of times what they hold. */
async function tinyChunks({ port, head }: Besieged): Promise<string[]> {
  const bytes = "1\r\nx\r\n".repeat(10_000);
  const all = Array.from({ length: 4 }, () => openRaw({ port }, head(TURN, ...CHUNKED)));
  const ends = await Promise.all(all.map(async (connection) => {
    const pour = (): void => {
      while (connection.socket.writable && connection.socket.write(bytes));
    };
    connection.socket.on("drain", pour);
    pour();
    const { status } = await connection.reply();
    await connection.closed;
    return status === 413 ? [] : [`tiny chunks were answered ${status}`];
  }));
  return ends.flat();
}

/** On 50 connections, one after the other on each. */
async function requests({ port, head, n }: Besieged): Promise<string[]> {
  const bytes = head("GET /v1/codexd/sessions HTTP/1.1");
  const count = (n * 1000) / 50;
  const all = Array.from({ length: 50 }, () => openRaw({ port }, ""));
  await Promise.all(all.map(async ({ socket, closed }) => {
    let left = count;
    socket.on("data", (chunk: string) => {
      if (!chunk.includes("HTTP/1.1 200")) return;
      left -= 1;
      if (left > 0) socket.write(bytes);
      else socket.destroy();
    });
    socket.write(bytes);
    await closed;
  }));
  return [];
}

async function close(all: readonly RawConnection[]): Promise<void> {
  for (const { socket } of all) socket.destroy();
  await Promise.all(all.map(({ closed }) => closed));
}

function residentMib(pid: number): number {
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024);
}
