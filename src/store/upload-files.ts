// Uploaded files on the disk: one folder a session, in it one file an upload, both named by codexd's own ids.
//
// Knows nothing of images or of who may upload. Nothing is made before the first upload.
//
// Invariants: a file is whole and on the medium when its write resolves, and not there when it rejects; no folder that
// is a link is written to, looked into or emptied; what codexd has not named is never read.

import path from "node:path";

import { assert } from "../base/assert.ts";
import { errorCode } from "../base/error-code.ts";
import type { Disk } from "./disk.ts";
import { openPrivateDirectory } from "./private-directory.ts";
import { removeTemporaryFiles, replaceFile } from "./replace-file.ts";

export interface UploadFiles {
  /** Gives the file's absolute path. @throws (rejects) what the disk throws. */
  write(sessionId: string, name: string, bytes: Uint8Array): Promise<string>;
  /** Removes one file; one that is not there is no error. */
  remove(sessionId: string, name: string): Promise<void>;
  /** The names of a session's files, and where they lie. */
  list(sessionId: string): Promise<ReadonlyArray<{ readonly name: string; readonly path: string }>>;
  /** Which sessions have a folder. */
  sessionIds(): Promise<string[]>;
  /** Removes what writers that died have left in a session's folder. */
  removeUnfinished(sessionId: string): Promise<void>;
  /** Removes a session's folder with all that is in it; one that is not there is no error. */
  removeAll(sessionId: string): Promise<void>;
}

const SESSION_FOLDER = /^ses_[A-Za-z0-9]+$/;
const FILE = /^upl_[A-Za-z0-9]+\.[a-z]+$/;

export function createUploadFiles(disk: Disk, directory: string): UploadFiles {
  const folderOf = (sessionId: string): string => {
    assert(SESSION_FOLDER.test(sessionId), "the id of a session can be a folder's name");
    return path.join(directory, sessionId);
  };

  const isDirectory = async (name: string): Promise<boolean> => (await disk.stat(name))?.kind === "directory";
  const isFolder = async (folder: string): Promise<boolean> => (await isDirectory(directory)) && isDirectory(folder);

  const openFolder = async (folder: string): Promise<void> => {
    // From above, so that nothing is made behind a link.
    for (const name of [directory, folder]) {
      if ((await disk.stat(name)) === undefined) {
        // Not left to what follows: its error has no code by which a full disk is known.
        await disk.makeDirectory(name);
        await disk.syncDirectory(path.dirname(name));
      }
      await openPrivateDirectory(disk, name);
    }
  };

  return {
    async write(sessionId, name, bytes) {
      assert(FILE.test(name), "the name of an upload is its id with an ending");
      const folder = folderOf(sessionId);
      const file = path.join(folder, name);
      await openFolder(folder);
      try {
        await replaceFile(disk, file, [bytes]);
      } catch (error) {
        await unless("ENOENT", disk.unlink(file));
        await unless("ENOTEMPTY", disk.removeDirectory(folder));
        throw error;
      }
      return file;
    },

    async remove(sessionId, name) {
      assert(FILE.test(name), "the name of an upload is its id with an ending");
      const folder = folderOf(sessionId);
      if (!(await isFolder(folder))) return;
      await unless("ENOENT", disk.unlink(path.join(folder, name)));
      await disk.syncDirectory(folder);
    },

    async list(sessionId) {
      const folder = folderOf(sessionId);
      if (!(await isFolder(folder))) return [];
      const names = (await disk.list(folder)).filter((name) => FILE.test(name));
      return names.map((name) => ({ name, path: path.join(folder, name) }));
    },

    async sessionIds() {
      if (!(await isDirectory(directory))) return [];
      return (await disk.list(directory)).filter((name) => SESSION_FOLDER.test(name));
    },

    async removeUnfinished(sessionId) {
      const folder = folderOf(sessionId);
      if (await isFolder(folder)) await removeTemporaryFiles(disk, folder);
    },

    async removeAll(sessionId) {
      const folder = folderOf(sessionId);
      if (!(await isFolder(folder))) return;
      for (const name of await disk.list(folder)) await unless("ENOENT", disk.unlink(path.join(folder, name)));
      await unless("ENOENT", disk.removeDirectory(folder));
      await disk.syncDirectory(directory);
    },
  };
}

/** What the disk refuses with this code is how it should be. */
async function unless(code: string, done: Promise<void>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (errorCode(error) !== code) throw error;
  }
}
