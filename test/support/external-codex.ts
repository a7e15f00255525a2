// The real Codex as an app-server that runs by itself, and a link to it that a test can cut.
//
// One home and one mock model outlive any number of servers and daemons, which is what tests of restarts need.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import path from "node:path";
import { codexBinary, codexHomeEnv, makeWorkDir, writeCodexHome } from "./codex-install.ts";
import { startDaemon, type Daemon } from "./daemon.ts";
import { startMockModel, type MockModel } from "./mock-model.ts";

export interface AppServerProcess {
  readonly url: string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** A TCP relay on a port of its own. */
export interface Link {
  readonly url: string;
  /** Resets every connection and refuses new ones, until `mend`. */
  cut(): void;
  mend(): void;
  /** Where new connections lead from now on. */
  lead(url: string): void;
  close(): Promise<void>;
}

export interface ExternalCodex {
  readonly mock: MockModel;
  readonly root: string;
  /** `listen` is `ws://127.0.0.1:0` or `unix:///path`. */
  serve(listen: string, flags?: readonly string[]): Promise<AppServerProcess>;
  /** A daemon on this endpoint, on the one state directory. */
  start(endpoint: string, flags?: readonly string[]): Promise<Daemon>;
  remove(): Promise<void>;
}

export async function prepareExternalCodex(name: string): Promise<ExternalCodex> {
  const root = makeWorkDir(name);
  const mock = await startMockModel();
  const home = path.join(root, "home");
  writeCodexHome(home, mock.port, 0, true);
  const workDir = path.join(root, "work");
  const stateDir = path.join(root, "state");
  mkdirSync(workDir);
  mkdirSync(stateDir, { mode: 0o700 });
  const ends: Array<() => Promise<unknown>> = [];
  return {
    mock,
    root,
    async serve(listen, flags = []) {
      const child = spawn(codexBinary(), ["app-server", "--listen", listen, ...flags], {
        cwd: workDir, env: { PATH: process.env["PATH"], ...codexHomeEnv(home) }, stdio: ["ignore", "ignore", "pipe"],
      });
      const exited = once(child, "exit");
      const stop = async (signal: NodeJS.Signals = "SIGTERM"): Promise<void> => {
        child.kill(signal);
        await exited;
      };
      ends.push(() => stop("SIGKILL"));
      return { url: await listening(child, listen), stop };
    },
    async start(endpoint, flags = []) {
      const external = ["--server-strategy", "external", "--server-endpoint", endpoint, "--repo-root", workDir];
      const daemon = await startDaemon({ stateDir, flags: [...external, ...flags] });
      ends.push(() => daemon.kill("SIGKILL"));
      return daemon;
    },
    async remove() {
      for (const end of ends.reverse()) await end();
      await mock.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export async function startLink(to: string): Promise<Link> {
  const sockets = new Set<Socket>();
  let target = to;
  let broken = false;
  const relay = createServer((near) => {
    if (broken) return void near.resetAndDestroy();
    const far = connect(Number(new URL(target).port), "127.0.0.1");
    for (const [one, other] of [[near, far], [far, near]] as const) {
      sockets.add(one);
      one.on("error", () => undefined);
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  const drop = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    url: `ws://127.0.0.1:${(relay.address() as AddressInfo).port}`,
    cut() {
      broken = true;
      drop();
    },
    mend: () => void (broken = false),
    lead: (url) => void (target = url),
    close: () =>
      new Promise((resolve) => {
        relay.close(() => resolve());
        drop();
      }),
  };
}

/** A banner on stderr names the port; a Unix socket is there when it is. */
async function listening(child: ChildProcess, listen: string): Promise<string> {
  if (listen.startsWith("unix://")) {
    while (!existsSync(listen.slice("unix://".length))) await new Promise((resolve) => setTimeout(resolve, 5));
    return listen;
  }
  return new Promise((resolve, reject) => {
    let text = "";
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const url = /ws:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0];
      if (url !== undefined) resolve(url);
    });
    child.on("exit", (code) => reject(new Error(`the app-server ended with ${code}: ${text}`)));
  });
}
