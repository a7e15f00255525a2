// The use case of uploads: an image is taken for a session, found again by its id, and goes with its session.
//
// Deliberately without a record or an event: the file is all there is of it, and nothing of codexd's own depends on
// it. Invariants: what is stored is an image by its bytes, not by its name; a closed session has no files, whatever
// was on its way when it was closed.

import { isoTime, type Clock } from "../../base/clock.ts";
import { DecodeError } from "../../base/decode.ts";
import type { Logger } from "../../base/log.ts";
import { createOneAtATime } from "../../base/one-at-a-time.ts";
import { CodexdError, errorMessage } from "../../core/errors.ts";
import { createId, type UuidSource } from "../../core/ids.ts";
import { IMAGE_EXTENSIONS, imageTypeOf } from "../../core/image-types.ts";
import { LIMITS } from "../../core/limits.ts";
import type { UploadMediaType } from "../../core/requests.ts";
import { mayPass } from "../../store/disk.ts";
import { fullReason, storageFull } from "../../store/full-disk.ts";
import type { UploadFiles } from "../../store/upload-files.ts";
import type { UploadService } from "../services.ts";
import type { CodexdStore } from "../tables.ts";
import type { WorkGate } from "../work-gate.ts";
import { requireSession } from "./threads.ts";

export interface Uploads extends UploadService {
  /** Where an upload of this session lies; null where it has none of that id. */
  pathOf(sessionId: string, uploadId: string): Promise<string | null>;
  /** Removes all that a session has; what cannot be removed is logged, and goes at the next start. */
  forget(sessionId: string): Promise<void>;
  /** Removes what a daemon that died has left of sessions that are closed or gone. Rejects never. */
  sweep(): Promise<void>;
}

export interface UploadsOptions {
  readonly store: CodexdStore;
  readonly files: UploadFiles;
  readonly gate: Pick<WorkGate, "assertOpen">;
  readonly clock: Pick<Clock, "now">;
  readonly uuid: UuidSource;
  readonly log: Logger;
  /** The app-server runs elsewhere, and cannot read what lies here. */
  readonly remote: boolean;
}

export function createUploads(options: UploadsOptions): Uploads {
  const { store, files, gate, clock, uuid, log, remote } = options;
  /** Of one session: they are counted, and its end comes behind what was begun before. */
  const bySession = createOneAtATime();

  const requireActive = (sessionId: string): void => {
    if (requireSession(store, sessionId).status === "active") return;
    throw new CodexdError("session_closed", `session ${sessionId} is closed and takes no uploads`);
  };

  const forget: Uploads["forget"] = (sessionId) => bySession(sessionId, async () => {
    try {
      await files.removeAll(sessionId);
    } catch (error) {
      log.warn("the uploads of a session stay until the next start", { sessionId, reason: errorMessage(error) });
    }
  });

  return {
    async create({ sessionId, mediaType, bytes }, keeping) {
      gate.assertOpen();
      if (remote) throw elsewhereError();
      requireActive(sessionId);
      const type = checkedType(mediaType, bytes);
      return bySession(sessionId, async () => {
        // It may have been closed while others were stored.
        requireActive(sessionId);
        if ((await files.list(sessionId)).length >= LIMITS.uploadsMax) throw tooManyError(sessionId);
        const uploadId = createId("upload", uuid);
        const name = `${uploadId}.${IMAGE_EXTENSIONS[type]}`;
        const path = await written(files.write(sessionId, name, bytes));
        const createdAt = isoTime(clock.now());
        const upload = { uploadId, sessionId, path, mediaType: type, bytes: bytes.length, createdAt };
        try {
          await keeping?.write(upload);
        } catch (error) {
          // Nobody will know its id.
          await files.remove(sessionId, name).catch((reason: unknown) => {
            log.warn("an upload that was refused stays", { sessionId, uploadId, reason: errorMessage(reason) });
          });
          throw error;
        }
        return upload;
      });
    },

    async pathOf(sessionId, uploadId) {
      const found = (await files.list(sessionId)).find(({ name }) => name.split(".")[0] === uploadId);
      return found?.path ?? null;
    },

    forget,

    async sweep() {
      try {
        for (const sessionId of await files.sessionIds()) {
          if (store.tables.session.get(sessionId)?.status !== "active") await forget(sessionId);
          else await files.removeUnfinished(sessionId);
        }
      } catch (error) {
        log.warn("old uploads could not be looked through", { reason: errorMessage(error) });
      }
    },
  };
}

/** @throws {DecodeError} */
function checkedType(told: string | null, bytes: Buffer): UploadMediaType {
  if (bytes.length === 0 || bytes.length > LIMITS.uploadBytesMax) {
    throw new DecodeError("data", `must have 1 to ${LIMITS.uploadBytesMax} bytes, got ${bytes.length}`);
  }
  const type = imageTypeOf(bytes);
  if (type === null) {
    throw new DecodeError("data", "must be a PNG, JPEG, GIF or WebP image, and its bytes do not begin like one");
  }
  if (told !== null && told !== type) {
    const shown = JSON.stringify(told);
    throw new DecodeError("mediaType", `must be ${type}, as the bytes are, or be left out; got ${shown}`);
  }
  return type;
}

/** @throws (rejects) {CodexdError} `storage_full`, else what the disk throws. */
async function written(path: Promise<string>): Promise<string> {
  try {
    return await path;
  } catch (error) {
    throw mayPass(error) ? storageFull(fullReason(error)) : error;
  }
}

function elsewhereError(): CodexdError {
  const message = "the app-server runs elsewhere (--server-strategy external) and cannot read files of this machine; "
    + "send the image in the turn, as an item with a data: URL";
  return new CodexdError("wrong_mode", message);
}

function tooManyError(sessionId: string): DecodeError {
  const message = `session ${sessionId} has ${LIMITS.uploadsMax} uploads, which is the most; they go when it is closed`;
  return new DecodeError("sessionId", message);
}
