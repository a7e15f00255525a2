// A detail that is too large for its event: what of it stays on the line, and where the whole of it lies.
//
// Pure: the files are beside-files.ts's. Deliberately not a judgement of what matters: what is short stays, whatever it
// is, so that ids, types and outcomes do.
//
// Invariant: what stays is bounded, and says that it was cut, by how much, and in which file the whole is.

import { isObject } from "../base/decode.ts";
import type { EventDetail } from "../core/event.ts";
import { utf8BytesMax } from "./line.ts";

/** Below the logs directory. */
export const DETAILS_FOLDER = "details";
const SEQ_DIGITS = 16;
const FILE = /^(\d{16})\.json$/;
/** Members that stay of one object, and how long a text among them may be. */
const MEMBERS_MAX = 64;
const TEXT_CHARS_MAX = 256;
/** Of all that stays: above it what lies deeper goes too. */
const KEPT_CHARS_MAX = 16 * 1024;
/** They stay wherever they stand among the others. */
const ID_FIELDS = [
  "sessionId", "threadId", "turnId", "submissionId", "itemId", "runId", "approvalId", "notificationMethod",
];

/** Relative to the logs directory, for people and for programs that read the files themselves. */
export function detailFileOf(seq: number): string {
  return `${DETAILS_FOLDER}/${String(seq).padStart(SEQ_DIGITS, "0")}.json`;
}

/** The seq whose detail lies in a file of this name, or undefined where it is another's. */
export function seqOfDetailFile(name: string): number | undefined {
  const digits = FILE.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Whether the detail, as JSON text, is too large to stand on the line; most are known by their length alone. */
export function isTooLarge(json: string, bytesMax: number): boolean {
  return utf8BytesMax(json.length) > bytesMax && Buffer.byteLength(json) > bytesMax;
}

/** What stands on the line of event `seq` in the place of `whole`, which is `bytes` long as JSON. */
export function cutLargeDetail(seq: number, whole: EventDetail, bytes: number): EventDetail {
  const ids = Object.fromEntries(ID_FIELDS.flatMap((name) => (name in whole ? [[name, whole[name]]] : [])));
  const deep = shortMembers(whole, 1);
  const kept = JSON.stringify(deep).length <= KEPT_CHARS_MAX ? deep : shortMembers(whole, 0);
  return { ...kept, ...shortMembers(ids, 0), truncated: true, detailFile: detailFileOf(seq), detailBytes: bytes };
}

/** True where the detail of event `seq` is not all of it. */
export function isCutDetail(seq: number, { truncated, detailFile }: EventDetail): boolean {
  return truncated === true && detailFile === detailFileOf(seq);
}

/** Members that are short by themselves, and of objects among them the short members. */
function shortMembers(value: Readonly<Record<string, unknown>>, depth: number): Record<string, unknown> {
  const kept = Object.keys(value).slice(0, MEMBERS_MAX).flatMap((name) => {
    const member = value[name];
    if (name.length > TEXT_CHARS_MAX) return [];
    if (isObject(member)) return depth === 0 ? [] : [[name, shortMembers(member, depth - 1)] as const];
    const isLong = Array.isArray(member) || (typeof member === "string" && member.length > TEXT_CHARS_MAX);
    return isLong ? [] : [[name, member] as const];
  });
  return Object.fromEntries(kept);
}
