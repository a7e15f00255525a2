// The token: what counts as right, and what the log hears of what is not.
//
// Time is a parameter here; what the guard makes of the judgement stands in guard.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../src/base/clock.ts";
import { createLogger, silentLogger } from "../../src/base/log.ts";
import { createAuthenticator, type ProofKeeper } from "../../src/http/auth.ts";

const TOKEN = "abcDEF0123456789-_abcDEF0123456789-_abcdefg";

function clockAt(time: { ms: number }): Clock {
  return { now: () => 0, monotonic: () => time.ms, after: () => ({ cancel() {} }) };
}

test("only the whole token as Bearer is right", () => {
  const auth = createAuthenticator(TOKEN, clockAt({ ms: 0 }), silentLogger);
  assert.equal(auth.judge(null, { proof: null }), "none");
  assert.equal(auth.judge(`Bearer ${TOKEN}`, { proof: null }), "right");
  assert.equal(auth.judge(`bearer  ${TOKEN}`, { proof: null }), "right");
  const wrong = [
    "", "Bearer", "Bearer ", TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN.slice(0, -1)}`, `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN} x`, `Bearer ${TOKEN.toLowerCase()}`, `Bearer ${TOKEN},Bearer ${TOKEN}`, ` Bearer ${TOKEN}`,
  ];
  for (const authorization of wrong) assert.equal(auth.judge(authorization, { proof: null }), "wrong", authorization);
});

test("an empty token is never right", () => {
  const auth = createAuthenticator("", clockAt({ ms: 0 }), silentLogger);
  assert.equal(auth.judge("Bearer ", { proof: null }), "wrong");
});

test("after a rotation only the new token is right", () => {
  const auth = createAuthenticator(TOKEN, clockAt({ ms: 0 }), silentLogger);
  auth.rotate("new");
  assert.equal(auth.judge(`Bearer ${TOKEN}`, { proof: null }), "wrong");
  assert.equal(auth.judge("Bearer new", { proof: null }), "right");
});

test("wrong tokens are logged at most once a second, with their number and never themselves", () => {
  const time = { ms: 0 };
  const lines: string[] = [];
  const log = createLogger({ level: "debug", write: (line) => lines.push(line), now: () => 0 });
  const auth = createAuthenticator(TOKEN, clockAt(time), log);
  for (let i = 0; i < 5; i += 1) auth.judge("Bearer secret-guess", { proof: null });
  assert.equal(lines.length, 1);
  time.ms = 999;
  auth.judge("Bearer secret-guess", { proof: null });
  assert.equal(lines.length, 1);
  time.ms = 1000;
  auth.judge("Bearer secret-guess", { proof: null });
  assert.equal(lines.length, 2);
  assert.match(lines[1] ?? "", /times=6/);
  assert.ok(!lines.join("").includes("secret-guess"));
});

test("a connection that has shown the token is not asked to prove it again, until the token is rotated", () => {
  const auth = createAuthenticator(TOKEN, clockAt({ ms: 0 }), silentLogger);
  const keeper: ProofKeeper = { proof: null };
  assert.equal(auth.judge(`Bearer ${TOKEN}x`, keeper), "wrong");
  assert.equal(keeper.proof, null);
  assert.equal(auth.judge(`Bearer ${TOKEN}`, keeper), "right");
  const { proof } = keeper;
  assert.equal(auth.judge(`Bearer ${TOKEN}`, keeper), "right");
  assert.equal(keeper.proof, proof, "compared with what it showed, not made anew");
  assert.equal(auth.judge(`Bearer ${TOKEN}x`, keeper), "wrong", "another token on a proven connection");
  auth.rotate("fresh");
  assert.equal(auth.judge(`Bearer ${TOKEN}`, keeper), "wrong");
  assert.equal(auth.judge("Bearer fresh", keeper), "right");
});
