// Puts aside what a start cannot read, and says all that it has found wrong, as the events to begin with.
//
// Deliberately the last step of recovery, behind all that may refuse the start. Invariant: whatever is not as the
// daemon before has left it, and costs a record, an event or an identity, has an event here.

import path from "node:path";

import type { EventDraft } from "../core/event.ts";
import type { Disk } from "./disk.ts";
import { segmentsFrom } from "./journal-scan.ts";
import { setAsideNotice, setLostAside } from "./lost-checkpoints.ts";
import { jumpNotice } from "./next-seq.ts";
import { oldSegmentNotices } from "./old-segments.ts";
import { setAside } from "./replace-file.ts";
import type { FoundState } from "./store.ts";

/** Gives the events to begin with, that of a jump first. @throws (rejects) what the disk throws. */
export async function repairFiles(disk: Disk, found: FoundState): Promise<EventDraft[]> {
  const { lastSeq, journal, previous, stateFile, tables, lost } = found;
  const checkpointSeq = Math.max(0, ...tables.map(({ seq }) => seq));
  const safeSeq = Math.min(...tables.map(({ seq }) => seq), Number.MAX_SAFE_INTEGER - 1);
  const old = journal.segments.length - segmentsFrom(journal.segments, safeSeq + 1).length;
  const notices = lastSeq > journal.headSeq ? [jumpNotice(journal.headSeq, lastSeq, checkpointSeq)] : [];
  notices.push(...(await oldSegmentNotices(disk, journal.segments, old)), ...journal.notices);
  notices.push(...(await setLostAside(disk, lost)));
  if (previous.damaged) notices.push(setAsideNotice(stateFile, await setAside(disk, stateFile)));
  if (found.isAlone) notices.push(aloneNotice(found));
  if (found.isNewIdentity) notices.push(newIdentityNotice(found));
  return notices;
}

/** A first start that was killed early leaves the same. */
function aloneNotice({ identity: { createdAt }, identityFile }: FoundState): EventDraft {
  const file = path.basename(identityFile);
  return {
    level: "warn",
    type: "storage.recovered",
    message: `${file} of ${createdAt} was there, and nothing else of its daemon: all sessions, runs and events that ` +
      "there were are lost",
    detail: { file, alone: true },
  };
}

function newIdentityNotice({ identity: { daemonId }, identityFile }: FoundState): EventDraft {
  const file = path.basename(identityFile);
  return {
    level: "warn",
    type: "storage.recovered",
    message: `${file} was not there; this is another daemon from now on, ${daemonId}`,
    detail: { file, missing: true },
  };
}
