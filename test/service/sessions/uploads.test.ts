// Uploads: what is taken, how many, by which sessions, and when they go.
//
// The files are on a simulated disk; modes and links on a real one are tested in upload-files.test.ts.

import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { DecodeError } from "../../../src/base/decode.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { createUploads } from "../../../src/service/sessions/uploads.ts";
import { createWorkGate } from "../../../src/service/work-gate.ts";
import { nodeDisk } from "../../../src/store/disk.ts";
import { createUploadFiles, type UploadFiles } from "../../../src/store/upload-files.ts";
import { errnoError, SimulatedDisk } from "../../support/disk-simulator.ts";
import { makeSession } from "../../support/fake-services.ts";
import { createManualClock } from "../../support/manual-clock.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { makeTempDir } from "../../support/temp-dir.ts";

const DIR = "/state/uploads";
const PNG = Buffer.from("89504e470d0a1a0a00", "hex");

interface Setting {
  readonly remote?: boolean;
  readonly mode?: "app-server" | "exec";
  readonly files?: UploadFiles;
}

function setUp({ remote = false, mode = "app-server", files }: Setting = {}) {
  const clock = createManualClock();
  const store = createMemoryStore(clock);
  const disk = new SimulatedDisk();
  const warned: string[] = [];
  let ids = 0;
  const uploads = createUploads({
    store, clock, remote, gate: createWorkGate(mode), uuid: () => String(++ids),
    files: files ?? createUploadFiles(disk.mount(), DIR),
    log: { ...silentLogger, warn: (text) => void warned.push(text) },
  });
  const put = (sessionId: string, status: "active" | "closed" = "active"): void => {
    const session = makeSession({ sessionId, status });
    store.append({ level: "info", type: "session.created", message: "", detail: {} }, { put: { session } });
  };
  put("ses_1");
  return { disk, uploads, warned, put };
}

const KEEPING = { kept: null, line: <T>(changes: T): T => changes, withdrawn: <T>(changes: T): T => changes };

const code = (expected: string) => (error: unknown): boolean => error instanceof CodexdError && error.code === expected;

test("an image is stored under its session and found again by its id there only", async () => {
  const { uploads, disk, put } = setUp();
  put("ses_2");
  const upload = await uploads.create({ sessionId: "ses_1", mediaType: null, bytes: PNG });
  assert.deepEqual(upload, {
    uploadId: "upl_1", sessionId: "ses_1", path: `${DIR}/ses_1/upl_1.png`, mediaType: "image/png", bytes: 9,
    createdAt: "1970-01-01T00:00:00.000Z",
  });
  assert.deepEqual(disk.peek(upload.path), PNG);
  assert.equal(await uploads.pathOf("ses_1", "upl_1"), upload.path);
  assert.equal(await uploads.pathOf("ses_2", "upl_1"), null);
  for (const id of ["upl_2", "upl_", "", "upl_1.png", "../ses_1/upl_1"]) {
    assert.equal(await uploads.pathOf("ses_1", id), null, id);
  }
});

test("the bytes say what it is: what was told must be the same", async () => {
  const { uploads } = setUp();
  const create = (bytes: Buffer, mediaType: string | null = null) =>
    uploads.create({ sessionId: "ses_1", mediaType, bytes });
  assert.equal((await create(Buffer.from("GIF89a"), "image/gif")).path, `${DIR}/ses_1/upl_1.gif`);
  await assert.rejects(create(PNG, "image/jpeg"), { name: "DecodeError", path: "mediaType" });
  await assert.rejects(create(Buffer.from("<svg/>"), "image/svg+xml"), /must be a PNG, JPEG, GIF or WebP/);
});

test("from one byte to the limit", async () => {
  const { uploads } = setUp();
  const create = (length: number) => {
    const bytes = Buffer.alloc(length);
    PNG.copy(bytes);
    return uploads.create({ sessionId: "ses_1", mediaType: null, bytes });
  };
  await assert.rejects(create(0), /1 to \d+ bytes, got 0/);
  await assert.rejects(create(LIMITS.uploadBytesMax + 1), DecodeError);
  assert.equal((await create(LIMITS.uploadBytesMax)).bytes, LIMITS.uploadBytesMax);
});

test("so many a session, however many come at the same moment; another session has its own", async () => {
  const { uploads, put } = setUp();
  put("ses_2");
  const create = (sessionId: string) => uploads.create({ sessionId, mediaType: null, bytes: PNG });
  const all = await Promise.allSettled(Array.from({ length: LIMITS.uploadsMax + 2 }, () => create("ses_1")));
  const refused = all.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  assert.equal(refused.length, 2);
  assert.ok(refused.every((reason) => reason instanceof DecodeError && reason.path === "sessionId"));
  await create("ses_2");
});

test("closed and unknown sessions, a remote app-server and exec mode take none", async () => {
  const { uploads, put } = setUp();
  put("ses_2", "closed");
  const input = { mediaType: null, bytes: PNG };
  await assert.rejects(uploads.create({ ...input, sessionId: "ses_2" }), code("session_closed"));
  await assert.rejects(uploads.create({ ...input, sessionId: "ses_3" }), code("not_found"));
  const inSession = { ...input, sessionId: "ses_1" };
  await assert.rejects(setUp({ remote: true }).uploads.create(inSession), /elsewhere .* data: URL/);
  await assert.rejects(setUp({ mode: "exec" }).uploads.create(inSession), code("wrong_mode"));
});

test("the files of a session go with it, also those that were on their way", async () => {
  const { uploads, disk, put } = setUp();
  const input = { sessionId: "ses_1", mediaType: null, bytes: PNG };
  await uploads.create(input);
  const late = [uploads.create(input), uploads.create(input)];
  const begun = Promise.allSettled(late);
  put("ses_1", "closed");
  await uploads.forget("ses_1");
  assert.deepEqual((await begun).map(({ status }) => status), ["rejected", "rejected"]);
  assert.deepEqual(disk.names(`${DIR}/ses_1`), []);
  assert.equal(await uploads.pathOf("ses_1", "upl_1"), null);
});

test("a full disk is storage_full with nothing left; any other failure is not taken for one", async () => {
  const { uploads, disk } = setUp();
  const input = { sessionId: "ses_1", mediaType: null, bytes: PNG };
  disk.capacity = PNG.length - 1;
  await assert.rejects(uploads.create(input), code("storage_full"));
  assert.deepEqual(disk.names(`${DIR}/ses_1`), []);
  disk.fault = (operation) => (operation === "datasync" ? { error: errnoError("EIO") } : undefined);
  disk.capacity = 1000;
  await assert.rejects(uploads.create(input), { code: "EIO" });
  disk.fault = () => undefined;
  await uploads.create(input);
});

test("a start removes what sessions that are closed or gone have left, and what was not finished", async (t) => {
  const dir = makeTempDir(t);
  const files = createUploadFiles(nodeDisk, path.join(dir, "uploads"));
  const { uploads, put } = setUp({ files });
  await uploads.sweep();
  assert.deepEqual(readdirSync(dir), []);
  put("ses_2", "closed");
  for (const sessionId of ["ses_1", "ses_2", "ses_3"]) await files.write(sessionId, "upl_9.png", PNG);
  writeFileSync(path.join(dir, "uploads/ses_1/upl_8.png.0123456789abcdef.tmp"), PNG);
  await uploads.sweep();
  assert.deepEqual(readdirSync(path.join(dir, "uploads"), { recursive: true }).sort(), ["ses_1", "ses_1/upl_9.png"]);
});

test("what cannot be removed or looked through is logged and fails nothing", async () => {
  const { uploads, disk, warned } = setUp();
  await uploads.create({ sessionId: "ses_1", mediaType: null, bytes: PNG });
  disk.fault = () => ({ error: errnoError("EIO") });
  await uploads.forget("ses_1");
  await uploads.sweep();
  assert.deepEqual(warned, [
    "the uploads of a session stay until the next start", "old uploads could not be looked through",
  ]);
});

test("an image whose answer cannot be kept is not kept either, and its removal need not succeed", async () => {
  const full = async (): Promise<void> => {
    throw new CodexdError("storage_full", "no room");
  };
  const input = { sessionId: "ses_1", mediaType: null, bytes: PNG };
  const { disk, uploads, warned } = setUp();
  await assert.rejects(uploads.create(input, { ...KEEPING, write: full }), code("storage_full"));
  assert.equal(await uploads.pathOf("ses_1", "upl_1"), null);
  const kept: unknown[] = [];
  const upload = await uploads.create(input, { ...KEEPING, write: async (result) => void kept.push(result) });
  assert.deepEqual(kept, [upload]);
  await assert.rejects(uploads.create(input, {
    ...KEEPING,
    async write() {
      disk.fault = (operation) => (operation === "unlink" ? { error: errnoError("EIO") } : undefined);
      await full();
    },
  }), code("storage_full"));
  assert.deepEqual(warned, ["an upload that was refused stays"]);
});
