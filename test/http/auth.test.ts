// The token: what counts as right, and what the log hears of what is not.
//
// Time is a parameter here; what the guard makes of the judgement stands in guard.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../src/base/clock.ts";
import { createLogger, silentLogger } from "../../src/base/log.ts";
import { createAuthenticator } from "../../src/http/auth.ts";

const TOKEN = "abcDEF0123456789-_abcDEF0123456789-_abcdefg";

function clockAt(time: { ms: number }): Clock {
  return { now: () => 0, monotonic: () => time.ms, after: () => ({ cancel() {} }) };
}

test("only the whole token as Bearer is right", () => {
  const auth = createAuthenticator(TOKEN, clockAt({ ms: 0 }), silentLogger);
  assert.equal(auth.judge(null), "none");
  assert.equal(auth.judge(`Bearer ${TOKEN}`), "right");
  assert.equal(auth.judge(`bearer  ${TOKEN}`), "right");
  const wrong = [
    "", "Bearer", "Bearer ", TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN.slice(0, -1)}`, `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN} x`, `Bearer ${TOKEN.toLowerCase()}`, `Bearer ${TOKEN},Bearer ${TOKEN}`, ` Bearer ${TOKEN}`,
  ];
  for (const authorization of wrong) assert.equal(auth.judge(authorization), "wrong", authorization);
});

test("an empty token is never right", () => {
  const auth = createAuthenticator("", clockAt({ ms: 0 }), silentLogger);
  assert.equal(auth.judge("Bearer "), "wrong");
});

test("after a rotation only the new token is right", () => {
  const auth = createAuthenticator(TOKEN, clockAt({ ms: 0 }), silentLogger);
  auth.rotate("new");
  assert.equal(auth.judge(`Bearer ${TOKEN}`), "wrong");
  assert.equal(auth.judge("Bearer new"), "right");
});

test("wrong tokens are logged at most once a second, with their number and never themselves", () => {
  const time = { ms: 0 };
  const lines: string[] = [];
  const log = createLogger({ level: "debug", write: (line) => lines.push(line), now: () => 0 });
  const auth = createAuthenticator(TOKEN, clockAt(time), log);
  for (let i = 0; i < 5; i += 1) auth.judge("Bearer secret-guess");
  assert.equal(lines.length, 1);
  time.ms = 999;
  auth.judge("Bearer secret-guess");
  assert.equal(lines.length, 1);
  time.ms = 1000;
  auth.judge("Bearer secret-guess");
  assert.equal(lines.length, 2);
  assert.match(lines[1] ?? "", /times=6/);
  assert.ok(!lines.join("").includes("secret-guess"));
});
