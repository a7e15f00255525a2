// Log files on a real disk: their bound, their mode, and what they refuse to write through.
//
// The tests run as root too, so what cannot be written is made so by kinds of files, never by permissions.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync, closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, readSync, rmSync, statSync,
  symlinkSync, writeFileSync,
} from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { silentLogger, type Logger } from "../../src/base/log.ts";
import { createRotatingLog, type RotatingLog } from "../../src/child/rotating-log.ts";
import { makeTempDir } from "../support/temp-dir.ts";

interface Rig {
  readonly file: string;
  readonly log: RotatingLog;
  readonly warnings: unknown[];
}

function rig(t: TestContext, bytesMax: number, prepare: (file: string) => void = () => undefined): Rig {
  const file = path.join(makeTempDir(t), "logs", "stderr.log");
  prepare(file);
  const warnings: unknown[] = [];
  const logger: Logger = { ...silentLogger, warn: (message, fields) => warnings.push([message, fields]) };
  const log = createRotatingLog(file, bytesMax, logger);
  t.after(() => log.close());
  return { file, log, warnings };
}

function modeOf(file: string): number {
  return statSync(file).mode & 0o777;
}

test("nothing is made before the first line; then a directory of 0700 and a file of 0600, whatever the umask", (t) => {
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const { file, log } = rig(t, 100);
  assert.equal(existsSync(path.dirname(file)), false);
  log.append("one\n");
  log.append("two\n");
  assert.equal(readFileSync(file, "utf8"), "one\ntwo\n");
  assert.deepEqual([modeOf(path.dirname(file)), modeOf(file)], [0o700, 0o600]);
});

test("a file that is there is added to, and its mode is put right", (t) => {
  const { file, log } = rig(t, 100, (existing) => {
    mkdirSync(path.dirname(existing));
    writeFileSync(existing, "old\n");
    chmodSync(existing, 0o644);
  });
  log.append("new\n");
  assert.equal(readFileSync(file, "utf8"), "old\nnew\n");
  assert.equal(modeOf(file), 0o600);
});

test("at its limit, not before, the file becomes the one old file", (t) => {
  const { file, log } = rig(t, 8);
  const old = `${file}.1`;
  log.append("1234567");
  log.append("8");
  assert.equal(existsSync(old), false);
  log.append("second\n\n");
  assert.deepEqual([readFileSync(old, "utf8"), readFileSync(file, "utf8")], ["12345678", "second\n\n"]);
  log.append("third");
  assert.deepEqual([readFileSync(old, "utf8"), readFileSync(file, "utf8")], ["second\n\n", "third"]);
  assert.equal(modeOf(file), 0o600);
});

test("what an earlier run has written counts, in bytes", (t) => {
  const { file, log } = rig(t, 4, (existing) => {
    mkdirSync(path.dirname(existing));
    writeFileSync(existing, "éé");
  });
  log.append("next");
  assert.deepEqual([readFileSync(`${file}.1`, "utf8"), readFileSync(file, "utf8")], ["éé", "next"]);
});

test("a symbolic link is not written through, which is told once", (t) => {
  let target = "";
  const { file, log, warnings } = rig(t, 100, (existing) => {
    mkdirSync(path.dirname(existing));
    target = path.join(path.dirname(existing), "victim");
    writeFileSync(target, "kept");
    symlinkSync(target, existing);
  });
  log.append("one\n");
  log.append("two\n");
  assert.equal(readFileSync(target, "utf8"), "kept");
  assert.equal(warnings.length, 1);
  assert.match(JSON.stringify(warnings[0]), /a log file cannot be written.*ELOOP/);
  rmSync(file);
  log.append("three\n");
  assert.equal(readFileSync(file, "utf8"), "three\n");
});

test("a FIFO is not written to, whether anybody reads it or not", (t) => {
  const { file, log, warnings } = rig(t, 100, (existing) => {
    mkdirSync(path.dirname(existing), { recursive: true });
    execFileSync("mkfifo", [existing]);
  });
  log.append("one\n");
  const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  log.append("two\n");
  assert.equal(warnings.length, 1);
  assert.equal(readSync(reader, Buffer.alloc(9)), 0);
});

test("what cannot be written is dropped, told once for each time it begins, and never thrown", (t) => {
  const { file, log, warnings } = rig(t, 4, (existing) => mkdirSync(`${existing}.1`, { recursive: true }));
  log.append("full");
  log.append("lost\n");
  log.append("lost\n");
  assert.equal(warnings.length, 1);
  rmSync(`${file}.1`, { recursive: true });
  log.append("well");
  assert.equal(readFileSync(file, "utf8"), "well");
  rmSync(`${file}.1`);
  mkdirSync(`${file}.1`);
  log.append("lost\n");
  assert.equal(warnings.length, 2);
});

test("after a close the next line opens the file again", (t) => {
  const { file, log } = rig(t, 100);
  log.close();
  log.append("one\n");
  log.close();
  log.close();
  log.append("two\n");
  assert.equal(readFileSync(file, "utf8"), "one\ntwo\n");
});
