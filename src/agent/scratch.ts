// The file that the prompt `edit` changes, and how the change looks to Codex's clients.
//
// Only ever this one file, in the agent's own directory: no path comes from a prompt. Invariant: what `plan` says is
// what `apply` does, because the file is written whole.

import { closeSync, constants, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import path from "node:path";
import { errorCode } from "../base/error-code.ts";

export interface ScratchEdit {
  /** Absolute. */
  readonly file: string;
  readonly kind: "add" | "update";
  /** As a fileChange item has it: the text of a new file, or the hunks of a changed one. */
  readonly diff: string;
  /** As turn/diff/updated has it. */
  readonly gitDiff: string;
  /** @throws when the file cannot be written. */
  apply(): void;
}

/** The next edit of the file in `home`. @throws when the file is there and cannot be read. */
export function planScratchEdit(home: string): ScratchEdit {
  const directory = path.join(home, "scratch");
  const file = path.join(directory, "edited.txt");
  const before = readText(file);
  const times = Number(/^Edited (\d{1,9})x/.exec(before ?? "")?.[1] ?? 0) + 1;
  const after = `Edited ${times}x by codexd's embedded agent.\n`;
  const hunk = before === null ? `@@ -0,0 +1 @@\n+${after}` : `@@ -1 +1 @@\n${removed(before)}+${after}`;
  const [from, mode] = before === null ? ["/dev/null", "new file mode 100600\n"] : ["a/edited.txt", ""];
  return {
    file,
    kind: before === null ? "add" : "update",
    diff: before === null ? after : hunk,
    gitDiff: `diff --git a/edited.txt b/edited.txt\n${mode}--- ${from}\n+++ b/edited.txt\n${hunk}`,
    apply() {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
      const handle = openSync(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
      try {
        writeSync(handle, after);
      } finally {
        closeSync(handle);
      }
    },
  };
}

/** Somebody may have put more lines into the file. */
function removed(text: string): string {
  return text.replace(/\n$/, "").split("\n").map((line) => `-${line}\n`).join("");
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}
