// What of a run does not belong in a line of the journal: its request, its output and a long result, as files.
//
// Knows nothing of what they mean. A document is whole and on the medium when its write resolves, so that the line
// that names it can follow.
//
// Invariant: the id is the only part of a name that varies, and it is letters, digits and `_`.

import path from "node:path";

import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { isObject } from "../base/decode.ts";
import { errorCode } from "../base/error-code.ts";
import { RUN_STREAMS, type RunStream } from "../core/runs.ts";
import type { Disk } from "./disk.ts";
import { createOutputFile, type OutputFile } from "./output-file.ts";
import { openPrivateDirectory } from "./private-directory.ts";
import { removeTemporaryFiles, replaceFile } from "./replace-file.ts";

export const RUN_DOCUMENTS = ["request.json", "result.json"] as const;
export type RunDocument = (typeof RUN_DOCUMENTS)[number];

export interface RunFiles {
  /** Replaces the document. @throws (rejects) what the disk throws, and for what is not JSON. */
  writeDocument(runId: string, document: RunDocument, value: object): Promise<void>;
  /** Null where there is none, or none that can be read. */
  readDocument(runId: string, document: RunDocument): Promise<Record<string, unknown> | null>;
  /** A stream that nothing was written to yet. */
  createOutput(runId: string, stream: RunStream, onWritten: () => void): OutputFile;
  /** The bytes from `after` on, `bytesMax` at most, and how many there are in all; without a file there are none. */
  readOutput(
    runId: string, stream: RunStream, after: number, bytesMax: number,
  ): Promise<{ readonly bytes: Buffer; readonly size: number }>;
  /** Of which runs there is anything. */
  runIds(): Promise<string[]>;
  /** Removes a document, or everything of the run; what is not there is no error. */
  remove(runId: string, document?: RunDocument): Promise<void>;
}

const ENDINGS: ReadonlySet<string> = new Set([...RUN_STREAMS, ...RUN_DOCUMENTS]);

/** @throws {ExitError} `config` when the directory cannot be the user's own and closed. */
export async function openRunFiles(disk: Disk, directory: string, clock: Clock): Promise<RunFiles> {
  await openPrivateDirectory(disk, directory);
  await removeTemporaryFiles(disk, directory);
  const fileOf = (runId: string, what: RunStream | RunDocument): string => {
    assert(/^[A-Za-z0-9_]+$/.test(runId), "the id of a run can be a file's name");
    return path.join(directory, `${runId}.${what}`);
  };
  return {
    async writeDocument(runId, document, value) {
      const bytes = Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
      const file = fileOf(runId, document);
      try {
        await replaceFile(disk, file, [bytes]);
      } catch (error) {
        if (errorCode(error) !== "ENOENT") throw error;
        // Somebody has taken the directory away.
        await openPrivateDirectory(disk, directory);
        await replaceFile(disk, file, [bytes]);
      }
    },
    async readDocument(runId, document) {
      try {
        const value: unknown = JSON.parse((await disk.readFile(fileOf(runId, document))).toString("utf8"));
        return isObject(value) ? value : null;
      } catch (error) {
        if (error instanceof SyntaxError || errorCode(error) !== undefined) return null;
        throw error;
      }
    },
    createOutput: (runId, stream, onWritten) =>
      createOutputFile({ disk, clock, onWritten, path: fileOf(runId, stream) }),
    async readOutput(runId, stream, after, bytesMax) {
      const file = fileOf(runId, stream);
      const size = (await disk.stat(file))?.bytes ?? 0;
      const length = Math.min(bytesMax, size - after);
      if (length <= 0) return { bytes: Buffer.alloc(0), size };
      const handle = await disk.open(file, "read");
      try {
        const into = Buffer.alloc(length);
        return { bytes: into.subarray(0, await handle.read(into, after)), size };
      } finally {
        await handle.close();
      }
    },
    async runIds() {
      const ids = (await disk.list(directory)).flatMap((name) => {
        const [id = "", ...rest] = name.split(".");
        return id.startsWith("run_") && ENDINGS.has(rest.join(".")) ? id : [];
      });
      return [...new Set(ids)];
    },
    async remove(runId, document) {
      const all = document === undefined ? [...RUN_STREAMS, ...RUN_DOCUMENTS] : [document];
      for (const what of all) {
        try {
          await disk.unlink(fileOf(runId, what));
        } catch (error) {
          if (errorCode(error) !== "ENOENT") throw error;
        }
      }
    },
  };
}
