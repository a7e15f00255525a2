// Drives a headless Chromium over its DevTools pipe: file descriptors 3 and 4, JSON messages that end in NUL.
//
// Not a test framework: it opens pages and evaluates in them. The browser finds no name but loopback's, and writes only
// into its own directory. Invariant: when the test is over, its process and that directory are gone.

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { makeTempDir, type Cleanup } from "./temp-dir.ts";

export interface Page {
  /** The value of an expression, awaited where it is a promise. @throws (rejects) with what the page threw. */
  evaluate(expression: string): Promise<unknown>;
  close(): Promise<void>;
}

export interface Browser {
  /**
   * A page of its own window, loaded. With `html` the address is never asked for: the page is what it is given, as
   * from a server that has gone to another place since.
   */
  open(url: string, html?: string): Promise<Page>;
}

type Params = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Params;
  readonly result?: Params;
  readonly error?: { readonly message: string };
  readonly sessionId?: string;
}

const PROGRAMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Nothing of the browser's own that would help codexd (or hinder the test) where another browser has not got it. */
const FEATURES_OFF = ["LocalNetworkAccessChecks", "BlockInsecurePrivateNetworkRequests", "HttpsUpgrades"];

/**
 * @param aliases names that lead to 127.0.0.1; no other name but `localhost` leads anywhere.
 * @throws (rejects) where there is no Chromium.
 */
export async function launchBrowser(t: Cleanup, aliases: readonly string[]): Promise<Browser> {
  const program = process.env["CHROMIUM_BIN"] ?? PROGRAMS.find((file) => existsSync(file));
  if (program === undefined) throw new Error("no Chromium: `apt-get install chromium`, or name one in CHROMIUM_BIN");
  const dir = makeTempDir(t, "codexd-browser-");
  const rules = [...aliases.map((name) => `MAP ${name} 127.0.0.1`), "MAP * ~NOTFOUND"];
  const own = ["localhost", "127.0.0.1"].map((name) => `EXCLUDE ${name}`);
  const flags = [
    "--headless", "--remote-debugging-pipe", `--user-data-dir=${dir}`,
    // As root it runs only so; what it is asked to keep apart here are origins, not processes.
    "--no-sandbox",
    "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-breakpad", "--disable-popup-blocking",
    // A window that another one covers goes on as if it were seen.
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    `--disable-features=${FEATURES_OFF.join()}`,
    `--host-resolver-rules=${[...rules, ...own].join()}`,
    "about:blank",
  ];
  const env = { ...process.env, HOME: dir, XDG_CONFIG_HOME: dir, XDG_CACHE_HOME: dir };
  const child = spawn(program, flags, { env, stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const pipe = new DevToolsPipe(child);
  t.after(() => pipe.close());
  await pipe.send("Browser.getVersion");
  return { open: (url, html) => openPage(pipe, url, html) };
}

async function openPage(pipe: DevToolsPipe, url: string, html?: string): Promise<Page> {
  // In a tab that nobody sees the browser puts off sounds, films and the pictures of a style.
  const { targetId } = await pipe.send("Target.createTarget", { url: "about:blank", newWindow: true });
  const { sessionId } = await pipe.send("Target.attachToTarget", { targetId, flatten: true });
  const send = (method: string, params: Params = {}): Promise<Params> => pipe.send(method, params, String(sessionId));
  await send("Page.enable");
  if (html !== undefined) {
    pipe.on(String(sessionId), "Fetch.requestPaused", ({ requestId }) => {
      const responseHeaders = [{ name: "Content-Type", value: "text/html; charset=utf-8" }];
      const body = Buffer.from(html).toString("base64");
      return send("Fetch.fulfillRequest", { requestId, responseCode: 200, responseHeaders, body });
    });
    await send("Fetch.enable", { patterns: [{ urlPattern: url }] });
  }
  const loaded = new Promise<void>((resolve) => {
    pipe.on(String(sessionId), "Page.loadEventFired", async () => resolve());
  });
  const { errorText } = await send("Page.navigate", { url });
  if (errorText !== undefined) throw new Error(`${url}: ${String(errorText)}`);
  await loaded;
  if (html !== undefined) await send("Fetch.disable");
  return {
    async evaluate(expression) {
      const how = { awaitPromise: true, returnByValue: true, userGesture: true };
      const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, ...how });
      if (exceptionDetails !== undefined) throw new Error(`${url} threw ${JSON.stringify(exceptionDetails)}`);
      return (result as { value?: unknown }).value;
    },
    close: () => pipe.send("Target.closeTarget", { targetId }).then(() => undefined),
  };
}

interface PendingCall {
  resolve(result: Params): void;
  reject(error: Error): void;
}

/** One call is answered once; what the browser tells unasked goes to the listener of its page. */
class DevToolsPipe {
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  readonly #calls = new Map<number, PendingCall>();
  readonly #listeners = new Map<string, (params: Params) => Promise<unknown>>();
  #lastId = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#gone = new Promise((resolve) => {
      child.once("error", () => this.#fail(resolve, "could not be started"));
      child.once("close", () => this.#fail(resolve, "has gone"));
    });
    // A browser that has gone breaks the pipe; the calls under way say so.
    child.stdio[3]?.on("error", () => undefined);
    let text = "";
    (child.stdio[4] as Readable).setEncoding("utf8").on("data", (chunk: string) => {
      const messages = `${text}${chunk}`.split("\0");
      text = messages.pop() ?? "";
      for (const message of messages) this.#take(JSON.parse(message) as Message);
    });
  }

  send(method: string, params: Params = {}, sessionId?: string): Promise<Params> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject: (error) => reject(new Error(`${method}: ${error.message}`)) });
      (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  on(sessionId: string, method: string, listener: (params: Params) => Promise<unknown>): void {
    this.#listeners.set(`${sessionId} ${method}`, listener);
  }

  async close(): Promise<void> {
    // Its helpers end with it, and only when they have is the pipe closed.
    this.send("Browser.close").catch(() => undefined);
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    await this.#gone;
    clearTimeout(late);
  }

  #take({ id, method = "", params = {}, result, error, sessionId }: Message): void {
    if (id === undefined) {
      void this.#listeners.get(`${sessionId} ${method}`)?.(params);
      return;
    }
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error === undefined) call?.resolve(result ?? {});
    else call?.reject(new Error(error.message));
  }

  #fail(done: () => void, problem: string): void {
    for (const { reject } of this.#calls.values()) reject(new Error(`the browser ${problem}`));
    this.#calls.clear();
    done();
  }
}
