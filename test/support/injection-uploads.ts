// Hostile uploads: bytes that are no image or more than one, said to be what they are not, under names of the caller's.
//
// Made from a seed, as the requests of injection-cases.ts, and judged by what lies on the disk. Invariant: the rules
// are those that are promised to callers, told anew here.

import { lstatSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { createSeeded, type Seeded } from "../../scripts/seeded.ts";
import { hostileWord } from "./hostile-values.ts";
import { wellFormed } from "./injection-cases.ts";
import type { InjectionWorld } from "./injection-world.ts";

export interface InjectedUpload {
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const HEADS = { png: "\x89PNG\r\n\x1a\n", jpg: "\xff\xd8\xff", gif: "GIF89a", webp: "RIFF\0\0\0\0WEBP" };
/** What is said to be, and the beginning of what is sent; the first four fit. */
const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const BEGINNINGS = [...Object.values(HEADS), "", "<svg onload=x>", "#!/bin/sh\n"];
const ODD_TYPES = [
  ...TYPES, "IMAGE/PNG; name=\"../x.sh\"", "image/svg+xml", "text/html", "image/png, text/html", "image/", "",
  "application/octet-stream", "multipart/form-data; boundary=x", "image/png\t", "application/json; charset=utf-16",
];
const NAMING = ["Content-Disposition", "X-File-Name", "Slug", "Content-Location", "Content-Encoding", "X-Upload-Id"];

export function makeUpload(sessionId: string, seed: number, number: number): InjectedUpload {
  const chance = createSeeded(seed * 1_000_003 + number);
  const word = (): string => hostileWord(chance, `zq${number}z`);
  const kind = Math.floor(chance.next() * BEGINNINGS.length);
  const bytes = Buffer.concat([Buffer.from(BEGINNINGS[kind] ?? "", "latin1"), Buffer.from(word())]);
  const fitting = TYPES[kind] ?? "image/png";
  const headers: Record<string, string> = { "Content-Type": chance.next() < 0.6 ? fitting : pick(ODD_TYPES, chance) };
  if (chance.next() < 0.1) headers["Content-Type"] = word();
  if (chance.next() < 0.2) headers["Idempotency-Key"] = word();
  if (chance.next() < 0.5) headers[pick(NAMING, chance)] = `attachment; filename="${word()}"`;
  const query = chance.next() < 0.8 ? `?session=${sessionId}` : `?session=${encodeURIComponent(wellFormed(word()))}`;
  if (chance.next() < 0.6) return { query, headers: sendable(headers), body: bytes };
  const data = pick([bytes.toString("base64"), bytes.toString("base64url"), `${bytes.toString("base64")}\n`, word()],
    chance);
  const fields = { sessionId, data, ...(chance.next() < 0.3 ? { mediaType: pick(ODD_TYPES, chance) } : {}) };
  const more = chance.next() < 0.3 ? { [pick(["name", "path", "fileName", "uploadId"], chance)]: word() } : {};
  return {
    query: "", headers: sendable({ ...headers, "Content-Type": "application/json" }),
    body: Buffer.from(JSON.stringify({ ...fields, ...more })),
  };
}

/** Sends it; one sentence for each rule that was broken. */
export async function judgeUpload(
  { uploadsDir, dir, ask, traces }: InjectionWorld, { query, headers, body }: InjectedUpload,
): Promise<string[]> {
  const [before, files, heard] = [namesBelow(uploadsDir), namesBelow(dir, "logs"), traces()];
  const answer = await ask("POST", `/v1/codexd/uploads${query}`, body, { ...headers });
  const made = namesBelow(uploadsDir).filter((name) => !before.includes(name));
  const problems: string[] = [];
  if (traces() !== heard) problems.push("Codex was told of it");
  const isOwn = (name: string): boolean => name.startsWith(uploadsDir) || /\/state\/[a-z-]+\.json[^/]*$/.test(name);
  const outside = namesBelow(dir, "logs").filter((name) => !files.includes(name) && !isOwn(name));
  if (outside.length > 0) problems.push(`it has made ${outside.join()}`);
  if (answer.status !== 201 || answer.replayed) {
    if (made.length > 0) problems.push(`it was answered with ${answer.status}, and there is ${made.join()}`);
    if (![201, 400, 404, 415, 422].includes(answer.status)) problems.push(`it was answered with ${answer.text}`);
    return problems;
  }
  const { upload } = (JSON.parse(answer.text) as { data: { upload: Record<string, string | number> } }).data;
  const [file = ""] = made.filter((name) => lstatSync(name).isFile());
  if (upload["path"] !== file) problems.push(`it lies in ${String(upload["path"])}, not in ${file}`);
  const named = /^ses_[0-9a-f]+\/upl_[0-9a-f]+\.(png|jpg|gif|webp)$/.exec(path.relative(uploadsDir, file));
  const head = HEADS[named?.[1] as keyof typeof HEADS] ?? "no such kind";
  if (named === null) return [...problems, `its name is ${file}`];
  const sent = headers["Content-Type"] === "application/json"
    ? Buffer.from((JSON.parse(body.toString()) as { data: string }).data, "base64") : body;
  const stored = readFileSync(file);
  if (!stored.equals(sent)) problems.push("the file is not what was sent");
  if (!stored.subarray(0, head.length).equals(Buffer.from(head, "latin1"))) problems.push(`${file} is no such image`);
  if ((lstatSync(file).mode & 0o777) !== 0o600) problems.push(`${file} is open to others`);
  return problems;
}

/** Everything below, with its whole path; without what a daemon writes of its own accord. */
function namesBelow(dir: string, except = "\0"): string[] {
  const entries = readdirSync(dir, { recursive: true, encoding: "utf8" });
  return entries.filter((name) => !name.split(path.sep).includes(except)).map((name) => path.join(dir, name));
}

function sendable(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => /^[\t\x20-\x7e\x80-\xff]*$/.test(value)));
}

function pick<T>(values: readonly T[], chance: Seeded): T {
  return values[Math.floor(chance.next() * values.length)] as T;
}
