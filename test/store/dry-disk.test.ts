// The disk that is only looked at: what it says of its own changes, and that none of them reaches the one below.
// The one below is simulated, but for what only a real one has: pipes and links.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { nodeDisk } from "../../src/store/disk.ts";
import { createDryDisk } from "../../src/store/dry-disk.ts";
import { SimulatedDisk } from "../support/disk-simulator.ts";
import { makeTempDir } from "../support/temp-dir.ts";

async function diskWith(files: Record<string, string>): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await disk.mount().makeDirectory("/d");
  for (const [name, text] of Object.entries(files)) disk.poke(`/d/${name}`, Buffer.from(text));
  return disk;
}

const CHANGING = ["write", "truncate", "makeDirectory", "chmod", "rename", "link", "unlink", "removeDirectory"];

test("changes are noted in words and seen by who asks, and not made", async () => {
  const below = await diskWith({ a: "aaaa", b: "b", "events.jsonl": "line\n" });
  const seen: string[] = [];
  below.fault = (operation) => void seen.push(operation);
  const dry = createDryDisk(below.mount());
  await dry.makeDirectory("/d/sub");
  assert.equal((await dry.stat("/d/sub"))?.kind, "directory");
  assert.deepEqual(await dry.list("/d/sub"), []);
  await dry.chmod("/d/a", 0o600);
  assert.equal((await dry.stat("/d/a"))?.mode, 0o600);
  await dry.rename("/d/a", "/d/bad-a-1");
  assert.equal(await dry.stat("/d/a"), undefined);
  await dry.unlink("/d/b");
  const journal = await dry.open("/d/events.jsonl", "write");
  await journal.writeAll(Buffer.from("x"), 0);
  await journal.truncate(2);
  await journal.datasync();
  await journal.close();
  const temporary = await dry.open("/d/c.0123456789abcdef.tmp", "create");
  await temporary.writeAll(Buffer.from("x"), 0);
  await dry.rename("/d/c.0123456789abcdef.tmp", "/d/c");
  await dry.removeDirectory("/d/sub");
  await dry.syncDirectory("/d");
  assert.deepEqual((await dry.list("/d")).sort(), ["bad-a-1", "c", "events.jsonl"]);
  assert.deepEqual(dry.steps, [
    "the directory /d/sub is made", "/d/a gets the mode 600", "/d/a is renamed bad-a-1", "/d/b is removed",
    "/d/events.jsonl is cut at byte 2", "/d/c is written", "the directory /d/sub is removed",
  ]);
  await dry.close();
  assert.deepEqual(seen.filter((operation) => CHANGING.includes(operation)), []);
  assert.deepEqual(["a", "b", "events.jsonl"].map((name) => below.peek(`/d/${name}`)?.toString()),
    ["aaaa", "b", "line\n"]);
});

test("what is gone or there is refused as a disk refuses it", async () => {
  const dry = createDryDisk((await diskWith({ a: "a" })).mount());
  await assert.rejects(dry.open("/d/a", "create"), { code: "EEXIST" });
  await assert.rejects(dry.link("/d/a", "/d/a"), { code: "EEXIST" });
  await dry.unlink("/d/a");
  for (const refused of [
    dry.open("/d/a", "read"), dry.readFile("/d/a"), dry.unlink("/d/a"), dry.rename("/d/a", "/d/b"),
    dry.link("/d/a", "/d/b"),
  ]) await assert.rejects(refused, { code: "ENOENT" });
});

test("the active segment stays the file that it was, whoever renames it meanwhile", async () => {
  const below = await diskWith({ "events.jsonl": "first" });
  const mounted = below.mount();
  const dry = createDryDisk(mounted);
  const text = async (): Promise<string> => {
    const file = await dry.open("/d/events.jsonl", "read");
    const into = Buffer.alloc(5);
    await file.read(into, 0);
    await file.close();
    return into.toString();
  };
  assert.equal(await text(), "first");
  await mounted.rename("/d/events.jsonl", "/d/events-0000000000000001.jsonl");
  below.poke("/d/events.jsonl", Buffer.from("other"));
  assert.equal(await text(), "first");
});

test("what would block, or is a link, is not opened", async (t) => {
  const dir = makeTempDir(t);
  writeFileSync(path.join(dir, "file"), "");
  execFileSync("mkfifo", [path.join(dir, "pipe")]);
  execFileSync("ln", ["-s", "file", path.join(dir, "link")]);
  const dry = createDryDisk(nodeDisk);
  for (const read of [dry.readFile(path.join(dir, "pipe")), dry.open(path.join(dir, "pipe"), "read")]) {
    await assert.rejects(read, /pipe is not a regular file/);
  }
  await assert.rejects(dry.readFile(path.join(dir, "link")), { code: "ELOOP" });
});
