// The attacks of test/fixtures/browser by their names, and the pages that they come from.
//
// What an attack does stands there; here stands what shows that it was one: what it reaches on a service that has no
// guard. Invariant: an attack that is left out from a page says why.

import { writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { ErrorCode } from "../../src/core/errors.ts";
import type { Browser, Page } from "./browser.ts";
import { attackPage } from "./hostile-site.ts";
import { makeTempDir, type Cleanup } from "./temp-dir.ts";

/** A method that arrives, `learns` what is kept there, or nothing: the browser itself lets nobody try. */
type Control = "GET" | "POST" | "DELETE" | "WEBSOCKET" | "learns" | "nothing";

export interface Attack {
  readonly name: string;
  readonly control: Control;
  readonly except?: readonly OriginName[];
  /** The pages on which the browser has such a thing. */
  readonly only?: readonly OriginName[];
}

export type OriginName = keyof typeof ORIGINS;

export interface Origin {
  readonly says: string;
  /** The host by which it asks codexd. */
  readonly host: string;
  /** The error codes with which codexd may refuse what comes from it. */
  readonly refusals: readonly ErrorCode[];
  open(place: Place): Promise<Page>;
}

export interface Place {
  readonly browser: Browser;
  readonly t: Cleanup;
  /** Of the attacker's site. */
  readonly sitePort: number;
  /** Of the service that is attacked. */
  readonly port: number;
}

/** Names that lead to loopback, as a name of the attacker's does once it has been rebound. */
export const ALIASES = ["evil.test", "rebind.test"];

const CROSS: readonly ErrorCode[] = ["origin_not_allowed", "cross_site"];

export const ORIGINS = {
  foreign: {
    says: "a page of another site",
    host: "127.0.0.1", refusals: CROSS,
    open: ({ browser, sitePort }) => browser.open(`http://evil.test:${sitePort}/page`),
  },
  https: {
    says: "a page of another site over TLS",
    host: "localhost", refusals: CROSS,
    open: ({ browser }) => browser.open("https://evil.test/page", attackPage()),
  },
  port: {
    says: "a page of another port of localhost",
    host: "localhost", refusals: CROSS,
    open: ({ browser, sitePort }) => browser.open(`http://localhost:${sitePort}/page`),
  },
  address: {
    says: "a page of another port of 127.0.0.1",
    host: "127.0.0.1", refusals: CROSS,
    open: ({ browser, sitePort }) => browser.open(`http://127.0.0.1:${sitePort}/page`),
  },
  sandboxed: {
    says: "a sandboxed frame",
    host: "localhost", refusals: CROSS,
    open: ({ browser, sitePort }) => browser.open(`http://localhost:${sitePort}/sandboxed`),
  },
  data: {
    says: "a data: page",
    host: "127.0.0.1", refusals: CROSS,
    open: ({ browser }) => browser.open(`data:text/html;base64,${Buffer.from(attackPage()).toString("base64")}`),
  },
  file: {
    says: "a file: page",
    host: "127.0.0.1", refusals: CROSS,
    open: ({ browser, t }) => {
      const file = path.join(makeTempDir(t), "page.html");
      writeFileSync(file, attackPage());
      return browser.open(pathToFileURL(file).href);
    },
  },
  rebound: {
    says: "a page whose name leads to codexd by now",
    host: "rebind.test", refusals: ["host_not_allowed"],
    open: ({ browser, port }) => browser.open(`http://rebind.test:${port}/page`, attackPage()),
  },
} as const satisfies Readonly<Record<string, Origin>>;

/** As of one origin with codexd, as far as the browser knows, it is told of a refusal that it is one. */
const REBOUND: readonly OriginName[] = ["rebound"];

export const ATTACKS: readonly Attack[] = [
  { name: "post-text", control: "POST" },
  { name: "post-form", control: "POST" },
  { name: "post-multipart", control: "POST" },
  { name: "post-untyped", control: "POST" },
  { name: "post-keepalive", control: "POST" },
  { name: "post-credentials", control: "POST" },
  { name: "post-empty", control: "POST" },
  { name: "post-json", control: "POST" },
  { name: "post-xhr", control: "POST" },
  { name: "other-method", control: "DELETE" },
  { name: "redirect-302", control: "GET" },
  { name: "redirect-307", control: "POST" },
  { name: "redirect-308", control: "POST" },
  { name: "beacon-text", control: "POST" },
  { name: "beacon-json", control: "POST" },
  { name: "form-frame", control: "POST" },
  { name: "form-multipart", control: "POST" },
  { name: "form-window", control: "POST" },
  { name: "form-redirect", control: "POST" },
  { name: "anchor-ping", control: "POST" },
  { name: "policy-report", control: "POST" },
  { name: "token-header", control: "POST" },
  { name: "token-stripped", control: "POST" },
  { name: "token-body", control: "POST" },
  { name: "token-cookie", control: "POST" },
  { name: "token-query", control: "learns" },
  { name: "token-get", control: "learns" },
  { name: "get-no-cors", control: "GET" },
  { name: "get-cors", control: "learns" },
  { name: "get-credentials", control: "learns" },
  { name: "get-redirected", control: "learns" },
  { name: "get-health", control: "learns" },
  { name: "script", control: "learns" },
  { name: "script-module", control: "learns" },
  { name: "style", control: "learns" },
  { name: "image", control: "learns" },
  { name: "video", control: "learns" },
  { name: "audio", control: "learns" },
  { name: "preload", control: "learns", except: REBOUND },
  { name: "prefetch", control: "GET" },
  { name: "style-image", control: "GET" },
  { name: "style-import", control: "GET" },
  { name: "font", control: "GET" },
  { name: "frame", control: "GET" },
  { name: "object", control: "GET" },
  { name: "embed", control: "GET" },
  { name: "window", control: "GET" },
  { name: "oracle", control: "learns" },
  { name: "resource-timing", control: "learns", except: REBOUND },
  { name: "websocket", control: "learns" },
  { name: "token-websocket-query", control: "learns" },
  { name: "token-websocket-protocol", control: "learns" },
  { name: "eventsource", control: "learns" },
  { name: "eventsource-credentials", control: "learns" },
  { name: "worker-post", control: "POST" },
  { name: "worker-import", control: "learns" },
  { name: "worker-websocket", control: "learns" },
  { name: "worker-theirs", control: "nothing" },
  { name: "service-worker", control: "POST", only: ["port"] },
  { name: "service-worker-theirs", control: "nothing" },
];
