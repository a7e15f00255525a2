// Which features a version of Codex has, by table and by what it has refused; and that the README names them all.
// That the versions truly are so is for test/e2e/compatibility.test.ts.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { CODEX_FEATURES, judgeCompat, lacksMethod, MEASURED_VERSIONS } from "../../src/codex/compatibility.ts";
import type { CompatReport } from "../../src/core/status.ts";
import { CODEX_VERSIONS, REPOSITORY } from "../support/codex-install.ts";

const NEWER = CODEX_FEATURES.filter(({ since }) => since !== undefined).map(({ name }) => name);

function judge(version: string | null, { lacking = [] as readonly string[], connected = true } = {}): CompatReport {
  return judgeCompat({ version, connected, lacking: new Set(lacking), ownVersion: "1.2.3" });
}

test("names are unique, and methods belong to one feature", () => {
  const names = CODEX_FEATURES.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[a-z]+(-[a-z]+)*$/);
  const methods = CODEX_FEATURES.flatMap((feature) => feature.methods);
  assert.equal(new Set(methods).size, methods.length);
});

test("what is needed has methods to be known by, and is there in every measured version", () => {
  const rows = CODEX_FEATURES.filter(({ need }) => need === "needed");
  assert.deepEqual(rows.map(({ name }) => name), ["threads", "turns", "interrupt"]);
  assert.ok(rows.every(({ methods, since }) => methods.length > 0 && since === undefined));
});

test("the versions are those that are tested, and the newest of them has all", () => {
  assert.deepEqual([...MEASURED_VERSIONS], [...CODEX_VERSIONS].reverse());
  assert.deepEqual(judge(CODEX_VERSIONS[0]), {
    status: "ok", version: "0.169.0", known: ["0.116.0", "0.169.0"], embeddedAgent: false, missing: [],
  });
});

test("a version is judged by its place among the measured ones, and never refused for it", () => {
  const cases: ReadonlyArray<readonly [string, CompatReport["status"], readonly string[]]> = [
    ["0.116.0", "degraded", NEWER], ["0.115.9", "degraded", NEWER], ["0.9.0", "degraded", NEWER],
    ["0.116.0-alpha.1", "degraded", NEWER], ["0.0.1", "degraded", NEWER],
    // What lies in between may have it or not.
    ["0.116.1", "degraded", []], ["0.140.0", "degraded", []], ["0.169.0-alpha.2", "degraded", []],
    ["0.169.1", "degraded", []], ["0.200.0", "degraded", []], ["1.0.0", "degraded", []],
    // Not as Codex writes them.
    ["7", "degraded", []], ["0.116", "degraded", []], ["0.116.0x", "degraded", []],
  ];
  for (const [version, status, missing] of cases) {
    assert.deepEqual([judge(version).status, judge(version).missing], [status, missing], version);
  }
});

test("without a version it is unknown before the handshake, and degraded behind it", () => {
  assert.equal(judge(null, { connected: false }).status, "unknown");
  assert.equal(judge(null).status, "degraded");
});

test("what Codex has refused is missing whatever its version; refused is only what cannot do the work", () => {
  const wanted = judge("0.169.0", { lacking: ["thread/unarchive", "thread/archive"] });
  assert.deepEqual([wanted.status, wanted.missing], ["degraded", ["thread-archive"]]);
  for (const method of ["thread/start", "thread/resume", "turn/start", "turn/interrupt"]) {
    const { status, missing } = judge("0.200.0", { lacking: [method] });
    assert.deepEqual([status, missing.length], ["refused", 1], method);
  }
});

test("the embedded agent fits the codexd that it came with, and lacks nothing that it should have", () => {
  const own = judge("codexd-agent/1.2.3", { lacking: ["thread/fork"] });
  assert.deepEqual([own.status, own.embeddedAgent, own.missing], ["ok", true, []]);
  assert.equal(judge("codexd-agent/0.116.0").status, "degraded");
});

test("a method is lacking when Codex names itself as not knowing it", () => {
  const unknown = (name: string): string => `Invalid request: unknown variant \`${name}\`, expected one of \`a\``;
  assert.equal(lacksMethod("turn/start", unknown("turn/start")), true);
  assert.equal(lacksMethod("turn/start", unknown("on-failure")), false);
  assert.equal(lacksMethod("turn/start", unknown("turn/starts")), false);
  assert.equal(lacksMethod("turn/start", "thread not found: turn/start"), false);
  assert.equal(lacksMethod("not/used", unknown("not/used")), false);
});

test("the README says what each is for, and what is different without it, of those that an older version lacks", () => {
  const readme = readFileSync(path.join(REPOSITORY, "README.md"), "utf8");
  for (const { name, use, without, since } of CODEX_FEATURES) {
    if (since !== undefined) assert.ok(readme.includes(`\n| \`${name}\` | ${use} | ${without} |\n`), name);
  }
});
