// A cwd that is no directory is refused by name, before anything is made of it.
//
// Real directories; sessions and turns on a fake app-server.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { DecodeError } from "../../src/base/decode.ts";
import { requireDirectory } from "../../src/service/directories.ts";
import { LOADER } from "../support/loader.ts";
import { createServiceRig } from "../support/service-rig.ts";
import { makeTempDir } from "../support/temp-dir.ts";

function refusesCwd(work: Promise<unknown>): Promise<void> {
  return assert.rejects(work, (error) => {
    assert.ok(error instanceof DecodeError && error.path === "cwd", String(error));
    assert.match(error.message, /^cwd: must be an existing directory, got "/);
    return true;
  });
}

test("a directory passes, also through a link; what is none, or cannot be seen, is refused", async (t) => {
  const dir = makeTempDir(t);
  const at = (name: string): string => path.join(dir, name);
  writeFileSync(at("file"), "");
  symlinkSync(dir, at("link"));
  symlinkSync(at("nowhere"), at("dangling"));
  await requireDirectory("cwd", dir);
  await requireDirectory("cwd", at("link"));
  for (const name of ["nowhere", "file", "file/below", "dangling", "nul\0", "x".repeat(5000)]) {
    await refusesCwd(requireDirectory("cwd", at(name)));
  }
});

test("one that cannot be entered is refused", (t) => {
  const cwd = path.join(makeTempDir(t), "closed");
  mkdirSync(cwd, { mode: 0o600 });
  const module = JSON.stringify(new URL("../../src/service/directories.ts", import.meta.url).href);
  const program = `import { requireDirectory } from ${module};
    await requireDirectory("cwd", process.argv[1]).catch((error) => console.log(String(error)));`;
  // Root enters every directory while it has its capabilities.
  const within = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : [];
  const [command = "", ...words] = [...within, process.execPath, ...LOADER];
  const said = execFileSync(command, [...words, "--input-type=module", "--eval", program, cwd], { encoding: "utf8" });
  assert.match(said, /^DecodeError: cwd: must be a directory that can be entered/);
});

test("no session is made with it, and Codex is not asked", async (t) => {
  const cwd = path.join(makeTempDir(t), "nowhere");
  const rig = createServiceRig();
  await refusesCwd(rig.sessions.create({ cwd }));
  await refusesCwd(rig.sessions.create({ cwd, threadId: "t1" }));
  assert.deepEqual([rig.codex.asked, rig.store.types()], [[], []]);
  assert.equal((await rig.sessions.create({ cwd: path.dirname(cwd) })).created, true);
});

test("no turn is reserved with it, and the session stays free", async (t) => {
  const cwd = path.join(makeTempDir(t), "nowhere");
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  const asked = rig.codex.asked.length;
  await refusesCwd(rig.start(sessionId, { cwd }));
  assert.equal(rig.codex.asked.length, asked);
  assert.ok(!rig.store.types().includes("turn.submitted"));
  await rig.start(sessionId, { cwd: path.dirname(cwd) });
});
