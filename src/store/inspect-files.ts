// Looks at the small files of the state directory, one by one, and says of each whether it is as it should be.
//
// By the words of the modules that read them at a start. Invariant: nothing is changed, and no secret is told.

import path from "node:path";

import type { Finding, FindingLevel, FindingSubject, RunningDaemon } from "../core/inspection.ts";
import { isCopied, loadDaemonState, readBootId } from "./daemon-state.ts";
import type { Disk } from "./disk.ts";
import { createDryDisk } from "./dry-disk.ts";
import { readIdentity } from "./identity.ts";
import { openPrivateDirectory } from "./private-directory.ts";
import { refusalOf } from "./read-state.ts";
import { isTemporary } from "./replace-file.ts";
import { checkHeaderFile, readToken, tokenPath } from "./token.ts";

export function finding(
  subject: FindingSubject, level: FindingLevel, file: string, message: string, detail: Finding["detail"] = {},
): Finding {
  return { subject, level, path: file, message, detail };
}

export async function inspectDirectory(disk: Disk, directory: string, open = openPrivateDirectory): Promise<Finding> {
  const dry = createDryDisk(disk);
  try {
    const found = await disk.stat(directory);
    const detail = found === undefined ? {} : { mode: found.mode.toString(8), uid: found.uid };
    await open(dry, directory);
    if (found === undefined) return finding("directory", "note", directory, "is not there yet; a start makes it");
    if (dry.steps.length === 0) return finding("directory", "ok", directory, "is the user's own, and closed", detail);
    const message = `is open to others (mode ${detail.mode}); a start closes it`;
    return finding("directory", "note", directory, message, detail);
  } catch (error) {
    return refused("directory", directory, error);
  }
}

/** @param isUsed there are records or events of a daemon. */
export async function inspectIdentity(disk: Disk, file: string, isUsed: boolean): Promise<Finding> {
  try {
    const identity = await readIdentity(disk, file);
    if (identity === undefined && isUsed) {
      return finding("identity", "damaged", file, "is gone; a start makes another daemon of this one");
    }
    if (identity === undefined) return finding("identity", "note", file, "is not there yet; a start makes it");
    const { daemonId, nodeId, version, createdAt } = identity;
    const message = `${daemonId} on ${nodeId}, made by codexd ${version} at ${createdAt}`;
    return finding("identity", "ok", file, message, { daemonId, nodeId, version, createdAt });
  } catch (error) {
    return refused("identity", file, error);
  }
}

/** @param isUsed as for `inspectIdentity`. */
export async function inspectDaemonState(
  disk: Disk, file: string, running: RunningDaemon | null, isUsed: boolean,
): Promise<Finding> {
  const { document, damaged, clean, seq, seqCeiling, ...previous } = await loadDaemonState(disk, file);
  if (damaged) return finding("daemon_state", "damaged", file, "does not hold the state of a daemon");
  if (document === undefined && isUsed) {
    return finding("daemon_state", "damaged", file, "is gone; after a start seqs go on far above the last ones");
  }
  if (document === undefined) return finding("daemon_state", "note", file, "is not there yet; a start makes it");
  const place = await disk.stat(path.dirname(file));
  const bootIdNow = await readBootId(disk);
  const copied = place !== undefined && isCopied(previous, place, bootIdNow);
  const rebooted = previous.bootId !== bootIdNow;
  const { pid = null, version = null, durability = null } = document;
  const [level, message] = endOf(running, { copied, clean, rebooted, pid, seq });
  const detail = { version, pid, clean, copied, rebooted, seq, seqCeiling, durability };
  return finding("daemon_state", level, file, message, detail);
}

/** How the last daemon came to its end. */
function endOf(
  running: RunningDaemon | null,
  { copied, clean, rebooted, pid, seq }: {
    copied: boolean; clean: boolean; rebooted: boolean; pid: unknown; seq: number;
  },
): [FindingLevel, string] {
  if (copied) return ["note", "was written in another directory; a start takes this one for a copy, and a new daemon"];
  if (running !== null) return ["ok", `of the daemon that runs, at event ${seq}`];
  if (clean) return ["ok", `the last daemon ended in order, at event ${seq}`];
  const how = rebooted ? "the machine has started anew since" : "it was killed, or has crashed";
  return ["note", `the last daemon (process ${String(pid)}) did not end in order: ${how}`];
}

export async function inspectToken(disk: Disk, stateDir: string): Promise<Finding> {
  const file = tokenPath(stateDir);
  const found = await disk.stat(file);
  if (found === undefined) return finding("token", "note", file, "is not there yet; a start makes it");
  const detail = { mode: found.mode.toString(8) };
  try {
    await readToken(disk, stateDir);
    await checkHeaderFile(disk, stateDir);
    return finding("token", "ok", file, `holds a token that nobody else can read (mode ${detail.mode})`, detail);
  } catch (error) {
    return { ...refused("token", file, error), detail };
  }
}

/** By name and kind only: whether somebody listens on it is for who wants to listen. */
export async function inspectSocket(disk: Disk, file: string): Promise<Finding> {
  try {
    const found = await disk.stat(file);
    if (found === undefined) return finding("socket", "note", file, "is not there yet; a start makes it");
    if (found.kind === "socket") return finding("socket", "ok", file, "is a socket");
    return finding("socket", "refused", file, `${file} is in the way of the socket, and is not a socket`);
  } catch (error) {
    return refused("socket", file, error);
  }
}

const ASIDE = /^(?:torn|bad)-/;

/** What earlier starts have set aside, and what writers that died have left. */
export async function inspectLeftovers(
  disk: Disk, directory: string, running: RunningDaemon | null,
): Promise<Finding[]> {
  if ((await disk.stat(directory))?.kind !== "directory") return [];
  const findings: Finding[] = [];
  for (const name of (await disk.list(directory)).sort()) {
    const file = path.join(directory, name);
    const about = ASIDE.test(name)
      ? "was damaged and set aside by an earlier start; codexd needs it no more, look at it and remove it"
      // A daemon that runs may be writing it.
      : running === null && isTemporary(name) ? "was being written when a daemon died; a start removes it" : null;
    if (about === null) continue;
    const bytes = (await disk.stat(file))?.bytes ?? 0;
    findings.push(finding("leftover", "note", file, `${about} (${bytes} bytes)`, { bytes }));
  }
  return findings;
}

/** What a start would end with, as a finding about the file. @throws what is no such thing. */
export function refused(subject: FindingSubject, file: string, error: unknown): Finding {
  const { damaged, message } = refusalOf(error);
  return finding(subject, damaged ? "damaged" : "refused", file, message);
}
