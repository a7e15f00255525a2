// Starts a whole codexd as its own process, from `dist`, and talks to it.
//
// Invariant: nothing of the caller's own codexd is touched: state in the directory that is given, port 0, and no
// `BAA_CODEXD_*` of the surrounding environment.

import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { REPOSITORY } from "./codex-install.ts";

export interface DaemonOptions {
  readonly stateDir: string;
  /** `demo` runs on the embedded agent. */
  readonly command?: "start" | "demo";
  /** More flags of it. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The words before its command, such as those that put it into a namespace; the process must stay the same. */
  readonly within?: readonly string[];
}

export interface Reply<T> {
  readonly status: number;
  /** `data` of a success, the whole body of anything else; its shape is the caller's claim. */
  readonly data: T;
}

/** The body of a refusal. */
export interface Refusal {
  readonly error: string;
  readonly message: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What `codexd start --json` prints. */
export interface StartDocument {
  readonly service: { readonly resolvedBaseUrl: string; readonly eventStreamUrl: string };
  readonly snapshot: { readonly daemon: { readonly child: { readonly pid: number | null; readonly status: string } } };
  readonly socketPath: string | null;
  readonly tokenFile: string | null;
  readonly headerFile: string | null;
}

export interface Daemon {
  readonly pid: number;
  /** Resolves when it has printed its document. @throws (rejects) when it ends before that, with what it said. */
  readonly started: Promise<StartDocument>;
  readonly exited: Promise<Exit>;
  stderr(): string;
  get<T>(route: string): Promise<Reply<T>>;
  post<T>(route: string, body?: unknown): Promise<Reply<T>>;
  /** The token of the started daemon. */
  token(): Promise<string>;
  /** Sends the signal and resolves when the process has gone. */
  kill(signal: NodeJS.Signals): Promise<Exit>;
}

const WAIT_MS_MAX = 60_000;

/** Does not wait: `started` says when it listens. */
export function spawnDaemon(options: DaemonOptions): Daemon {
  const [program = "", ...words] = [...(options.within ?? []), process.execPath, ...argumentsOf(options)];
  const child = spawn(program, words, {
    cwd: options.stateDir,
    env: { ...ownEnvironment(), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const exited = new Promise<Exit>((resolve) => child.on("close", (code, signal) => resolve({ code, signal })));
  const started = readDocument(child, exited, () => stderr);
  // Who kills a daemon in its start does not ask for the document.
  started.catch(() => undefined);
  const token = async (): Promise<string> => {
    const { tokenFile } = await started;
    // Its own files are where it sees them, which may be in a namespace.
    const root = options.within === undefined ? "" : `/proc/${child.pid}/root`;
    return tokenFile === null ? "" : readFileSync(`${root}${tokenFile}`, "utf8").trim();
  };
  const call = async <T>(method: string, route: string, body?: unknown): Promise<Reply<T>> => {
    const { service } = await started;
    return send(new URL(route, service.resolvedBaseUrl), method, await token(), body) as Promise<Reply<T>>;
  };
  return {
    pid: child.pid ?? 0,
    started,
    exited,
    stderr: () => stderr,
    get: (route) => call("GET", route),
    post: (route, body) => call("POST", route, body ?? {}),
    token,
    kill(signal) {
      child.kill(signal);
      return exited;
    },
  };
}

/** Starts a daemon and waits until it listens. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const daemon = spawnDaemon(options);
  await daemon.started;
  return daemon;
}

/** What is built (scripts/test.ts sees to it): the sources take a second of a core longer to start. */
function argumentsOf({ stateDir, command = "start", flags = [] }: DaemonOptions): string[] {
  const own = ["--json", "--state-dir", stateDir, "--local-api-base", "http://127.0.0.1:0"];
  return [path.join(REPOSITORY, "dist/index.js"), command, ...own, ...flags];
}

function ownEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !/^(BAA_|CODEXD_|FAKE_CODEX_)/.test(name));
  return Object.fromEntries(entries);
}

function readDocument(child: ChildProcess, exited: Promise<Exit>, stderr: () => string): Promise<StartDocument> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      // The document is the only thing on stdout; it is whole when its last line is.
      const whole = text.endsWith("\n}\n") || (text !== "" && text.indexOf("\n") === text.length - 1);
      if (whole) resolve(JSON.parse(text) as StartDocument);
    });
    child.on("error", reject);
    void exited.then(({ code, signal }) => {
      reject(new Error(`codexd ended with ${signal ?? code} before it listened:\n${stderr()}`));
    });
  });
}

function send(url: URL, method: string, token: string, body: unknown): Promise<Reply<unknown>> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const sent = request(url, { method, headers, agent: false, timeout: WAIT_MS_MAX }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const parsed = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, unknown>;
        const data = parsed["ok"] === true ? (parsed["data"] ?? parsed) : parsed;
        resolve({ status: response.statusCode ?? 0, data });
      });
    });
    sent.on("timeout", () => sent.destroy(new Error(`${method} ${url.pathname}: no answer in ${WAIT_MS_MAX} ms`)));
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
