// Hostile pages in a real browser against a whole codexd: nothing runs, nothing can be read, no socket opens.
//
// Each attack is first shown to be one on a service without a guard, and then meets a codexd that has nothing but its
// guard (`--auth none`); one with a token also meets a codexd that has given out this token.
// Invariant: an attack is over when codexd has refused it; what it would have changed is looked at after that.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ErrorCode } from "../../src/core/errors.ts";
import { ALIASES, ATTACKS, ORIGINS, type Attack, type Origin, type OriginName } from "./browser-attacks.ts";
import { launchBrowser, type Browser, type Page } from "./browser.ts";
import { createVictim, refusedBetween, type Victim } from "./browser-victim.ts";
import { startOpenService, startSite, type OpenService } from "./hostile-site.ts";
import type { Cleanup } from "./temp-dir.ts";
import { createWholeDaemons } from "./whole-daemons.ts";

/**
 * What the browser's own request for `/favicon.ico` is refused with. The page of a refusal asks for it in a window, so
 * that it is of the same origin; once a port, some time later.
 */
const ICON: readonly ErrorCode[] = ["not_found", "unauthorized"];
const ATTACK_MS_MAX = 20_000;
/** How long until one looks again at what is not there yet. */
const LOOK_MS = 20;
/** The attacks that open one. */
const WINDOWS = ATTACKS.filter(({ name }) => name.includes("window")).length;
/** What a connection ends with that the browser has opened in advance, and then not used. */
const UNUSED: readonly ErrorCode[] = ["request_timeout"];

/** What the tests of one file share: a browser, and whom its pages attack. */
interface Scene {
  readonly browser: Browser;
  readonly sitePort: number;
  readonly open: OpenService;
  /** Without a token, and with one. */
  readonly victims: readonly Victim[];
}

interface Service {
  readonly port: number;
  readonly session: string;
  readonly token: string;
}

/**
 * Declares the tests of these pages, all attacks of each. Those of `also` take another 20 s and are near to one of
 * the others, so they come only with `E2E_BROWSER_PAGES=all`.
 */
export function attackFrom(always: readonly OriginName[], also: readonly OriginName[]): void {
  const names = process.env["E2E_BROWSER_PAGES"] === "all" ? [...always, ...also] : always;
  const ends: Array<() => void | Promise<void>> = [];
  const file = { after: (end: () => void | Promise<void>) => void ends.push(end) };
  const daemons = createWholeDaemons({ after });
  let scene: Scene;

  before(async () => {
    const [sitePort, open] = [await startSite(file), await startOpenService(file)];
    const browser = await launchBrowser(file, ALIASES);
    const victims = [await createVictim(daemons, ["--auth", "none"]), await createVictim(daemons, [])];
    scene = { browser, sitePort, open, victims };
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  for (const name of names) describe(`from ${ORIGINS[name].says}`, () => attackFromOne(name, file, () => scene));

  test("no more than icons came further than to where they come from", async () => {
    for (const victim of scene.victims) {
      const { refusals, done } = await victim.look();
      const icons = ICON.reduce((sum, code) => sum + (refusals.get(code) ?? 0), 0);
      assert.ok(icons <= WINDOWS * names.length, `${icons} icons`);
      assert.deepEqual(done, victim.untouched);
    }
  });
}

function attackFromOne(name: OriginName, file: Cleanup, sceneOf: () => Scene): void {
  const origin = ORIGINS[name];
  const attacks = ATTACKS.filter(({ except, only }) => {
    return except?.includes(name) !== true && only?.includes(name) !== false;
  });
  const pages = new Map<number, Page>();

  before(async () => {
    const { browser, sitePort, open, victims } = sceneOf();
    for (const { port } of [open, ...victims]) {
      pages.set(port, await origin.open({ browser, t: file, sitePort, port }));
    }
  });

  after(async () => {
    for (const page of pages.values()) await page.close();
  });

  for (const attack of attacks) {
    test(`[browser ${attack.name}] ${name}`, { timeout: ATTACK_MS_MAX }, async () => {
      const { open, victims, sitePort } = sceneOf();
      const on = (service: Service): Promise<string[]> => {
        return learn(pages.get(service.port), attack, targetOf(service, origin, sitePort));
      };
      await reaches(open, attack, on);
      const attacked = attack.name.startsWith("token-") ? victims : victims.slice(0, 1);
      for (const victim of attacked) await fails(victim, attack, origin, on);
    });
  }
}

/** As page.mjs of test/fixtures/browser wants it. */
function targetOf({ port, session, token }: Service, { host }: Origin, sitePort: number): Record<string, string> {
  const base = `${host}:${port}`;
  const site = `http://localhost:${sitePort}`;
  return { http: `http://${base}`, ws: `ws://${base}/v1/codexd/events`, session, token, site };
}

/** What the page has learned by the attack. */
async function learn(page: Page | undefined, { name }: Attack, target: Record<string, string>): Promise<string[]> {
  assert.ok(page !== undefined, "the page is open");
  return await page.evaluate(`attack(${JSON.stringify(name)}, ${JSON.stringify(target)})`) as string[];
}

/** Without a guard in its way. */
async function reaches(
  open: OpenService, { control }: Attack, on: (service: Service) => Promise<string[]>,
): Promise<void> {
  const seen = open.methods.length;
  const learned = await on({ port: open.port, session: "ses_present", token: "secret" });
  if (control === "learns") assert.notDeepEqual(learned, [], "it is an attack");
  else if (control !== "nothing") await until(() => open.methods.slice(seen).includes(control));
}

async function fails(
  victim: Victim, { control }: Attack, { refusals }: Origin, on: (service: Service) => Promise<string[]>,
): Promise<void> {
  const then = await victim.look();
  const learned = await on(victim);
  // A page that was rebound is of codexd's own origin as far as its browser knows, and may read that it is not.
  const mayRead = refusals.includes("host_not_allowed") ? '"error": "host_not_allowed"' : null;
  assert.deepEqual(learned.filter((text) => mayRead === null || !text.includes(mayRead)), [], "nothing is learned");
  const isRefused = async (): Promise<boolean> => {
    return refusedBetween(then, await victim.look()).some((code) => refusals.includes(code));
  };
  if (control !== "nothing") await until(isRefused);
  const now = await victim.look();
  assert.deepEqual(now.done, victim.untouched, "nothing is done");
  const expected = [...refusals, ...ICON, ...UNUSED];
  assert.deepEqual(refusedBetween(then, now).filter((code) => !expected.includes(code)), []);
}

/** Waits until it is true; the test's own limit ends it. */
async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!await isTrue()) await new Promise((resolve) => void setTimeout(resolve, LOOK_MS));
}
