// What Codex says of itself: each part for itself, all pages of models, and no credential.
// Codex's side is a table of answers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../../src/core/limits.ts";
import { createCodexRig } from "../../support/codex-rig.ts";
import { codexRefusal } from "../../support/fake-app-server.ts";

const HANDSHAKE = { userAgent: "codexd/0.169.0 (Linux)", codexHome: "/home/dev/.codex", platformOs: "linux" };

test("version, models of all pages, account and rate limits, with what Codex cannot say as null", async () => {
  const rig = createCodexRig({ handshake: HANDSHAKE });
  rig.answers.set("model/list", ({ cursor = "1" }) =>
    ({ data: [{ id: `on page ${cursor}` }], nextCursor: cursor === "1" ? "2" : null }));
  rig.answers.set("account/read", () => ({ account: { type: "chatgpt", email: "dev@example.test" } }));
  rig.answers.set("account/rateLimits/read", () => {
    throw codexRefusal("codex account authentication required to read rate limits");
  });
  assert.deepEqual(await rig.reach.about(), {
    version: "0.169.0",
    userAgent: HANDSHAKE.userAgent,
    codexHome: HANDSHAKE.codexHome,
    embeddedAgent: false,
    models: [{ id: "on page 1" }, { id: "on page 2" }],
    account: { account: { type: "chatgpt", email: "dev@example.test" } },
    rateLimits: null,
    errors: { rateLimits: "Codex refused: codex account authentication required to read rate limits" },
  });
});

test("a Codex that lists models without end is cut off, with the reason", async () => {
  const rig = createCodexRig();
  rig.answers.set("model/list", () => ({ data: [{ id: "m" }], nextCursor: "again" }));
  const { models, errors } = await rig.reach.about() as { models: unknown[]; errors: Record<string, string> };
  assert.equal(models.length, LIMITS.codexModelPagesMax);
  assert.match(errors["models"] ?? "", /more than 20 pages/);

  let pages = 0;
  rig.answers.set("model/list", () => ({ data: [], nextCursor: ++pages < LIMITS.codexModelPagesMax ? "more" : null }));
  const whole = await rig.reach.about() as { errors: Record<string, string> };
  assert.equal(whole.errors["models"], undefined);
});

test("what looks like a credential is left out, and flags of that name are not", async () => {
  const rig = createCodexRig();
  rig.answers.set("model/list", () => ({ data: [] }));
  const key = "sk-abcdefghijklmnop";
  rig.answers.set("account/read", () => ({
    account: { type: "chatgpt", accessToken: "eyJhbGciOi", api_key: key, usesCodexManagedCredentials: true },
    tokens: { id: "x" }, note: `key ${key}`, requiresOpenaiAuth: false, list: [{ password: "p", plan: "pro" }, 1],
    deep: Array.from({ length: 20 }).reduce((inner) => ({ inner }), "bottom"),
  }));
  rig.answers.set("account/rateLimits/read", () => ({ rateLimits: { tokensLeft: 5, cookie: "c", primary: null } }));
  const { account, rateLimits } = await rig.reach.about();
  const { deep, ...shallow } = account as Record<string, unknown>;
  assert.deepEqual(shallow, {
    account: { type: "chatgpt", usesCodexManagedCredentials: true },
    note: "key sk-[redacted]", requiresOpenaiAuth: false, list: [{ plan: "pro" }, 1],
  });
  assert.equal(JSON.stringify(deep).includes("bottom"), false);
  assert.deepEqual(rateLimits, { rateLimits: { tokensLeft: 5, primary: null } });
});

test("where nothing is known but that it runs, every part says why; a child that is down is an error", async () => {
  const rig = createCodexRig();
  const about = await rig.reach.about();
  assert.deepEqual([about["models"], about["account"], about["rateLimits"]], [null, null, null]);
  assert.deepEqual(Object.keys(about["errors"] as object).sort(), ["account", "models", "rateLimits"]);
  assert.equal("userAgent" in about, false);
  rig.codex.goDown();
  await assert.rejects(rig.reach.about(), { code: "not_ready" });
});
