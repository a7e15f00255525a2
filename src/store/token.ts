// The bearer token, and the header file that curl reads it from so that it never stands in a command's arguments.
//
// Invariant: a token is made with exclusive creation and mode 0600; a damaged file is named, never replaced in silence.

import { randomBytes } from "node:crypto";
import path from "node:path";

import { errorCode } from "../base/error-code.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Disk, DiskStat } from "./disk.ts";
import { createFile, replaceFile } from "./replace-file.ts";

const TOKEN_FILE = "token";
const HEADER_FILE = "curl-header";
const TOKEN_BYTES = 32;
const OPEN_TO_OTHERS = 0o077;
/** 32 bytes in base64url, without padding. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/**
 * The token in `stateDir`, made at the first call ever; writes the header file where it is missing or stale.
 *
 * @throws {ExitError} `config` as `readToken`, and when what is in the way of the header file is not the user's own.
 */
export async function loadOrCreateToken(disk: Disk, stateDir: string): Promise<string> {
  if ((await disk.stat(tokenPath(stateDir))) === undefined) {
    try {
      await createFile(disk, tokenPath(stateDir), Buffer.from(`${createToken()}\n`));
    } catch (error) {
      // Somebody else has made one in this moment: that one counts.
      if (errorCode(error) !== "EEXIST") throw error;
    }
  }
  const token = await readToken(disk, stateDir);
  if ((await readPrivate(disk, headerPath(stateDir))) !== headerOf(token)) await writeHeader(disk, stateDir, token);
  return token;
}

/**
 * @throws {ExitError} `config` when there is no token in `stateDir`, when the file does not hold one, or when others
 * can read or have made it: then it is no secret.
 */
export async function readToken(disk: Disk, stateDir: string, uid = process.getuid?.()): Promise<string> {
  const file = tokenPath(stateDir);
  const text = await readPrivate(disk, file, uid);
  if (text === undefined) throw new ExitError(EXIT.config, `there is no token at ${file}: codexd has not run there`);
  const token = text.trim();
  if (TOKEN.test(token)) return token;
  const problem = token === "" ? "is empty" : "does not hold a token (43 characters of base64url)";
  throw new ExitError(EXIT.config, `the token file ${file} ${problem}; remove it, and the next start makes a new one`);
}

/** As `readToken`, for the header file beside it, which a start makes anew where it is missing or stale. */
export async function checkHeaderFile(disk: Disk, stateDir: string): Promise<void> {
  await readPrivate(disk, headerPath(stateDir));
}

/**
 * Gives a function that reads the token as `readToken` does, again and again: where the file has not changed it costs
 * one call of the system. Whoever calls it waits for the call before.
 */
export function createTokenReader(disk: Disk, stateDir: string): () => Promise<string> {
  let known: { readonly looks: string; readonly token: string; readonly isSure: boolean } | undefined;
  return async () => {
    const looks = looksOf(await disk.stat(tokenPath(stateDir)));
    if (known !== undefined && known.looks === looks && known.isSure) return known.token;
    // Two changes in one moment look like one, so what is new is read once more at the next call.
    const isSure = looks !== "" && known?.looks === looks;
    known = undefined;
    const token = await readToken(disk, stateDir);
    known = { looks, token, isSure };
    return token;
  };
}

/** Makes a new token in the place of the old one; a running daemon takes it up by itself. */
export async function rotateToken(disk: Disk, stateDir: string): Promise<string> {
  const token = createToken();
  await replaceFile(disk, tokenPath(stateDir), [Buffer.from(`${token}\n`)]);
  await writeHeader(disk, stateDir, token);
  return token;
}

export function tokenPath(stateDir: string): string {
  return path.join(stateDir, TOKEN_FILE);
}

export function headerPath(stateDir: string): string {
  return path.join(stateDir, HEADER_FILE);
}

function createToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

function headerOf(token: string): string {
  return `Authorization: Bearer ${token}\n`;
}

/** Empty where nothing can be told by it. */
function looksOf(found: DiskStat | undefined): string {
  if (found?.changedMs === undefined) return "";
  const { device, inode, bytes, changedMs } = found;
  return [device, inode, bytes, changedMs].join(" ");
}

/** Undefined where there is nothing. Looked at before it is opened, since a FIFO would hold whoever opens it. */
async function readPrivate(disk: Disk, file: string, uid = process.getuid?.()): Promise<string | undefined> {
  const found = await disk.stat(file);
  if (found === undefined) return undefined;
  const problem = whyNotPrivate(found, uid);
  if (problem !== null) throw new ExitError(EXIT.config, `the file ${file} cannot be used: ${problem}`);
  try {
    return (await disk.readFile(file)).toString("utf8");
  } catch (error) {
    // It went in this moment.
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** @param uid the user's id; undefined where the platform has none. */
function whyNotPrivate({ kind, bytes, mode, uid: owner }: DiskStat, uid: number | undefined): string | null {
  if (kind === "link") return "it is a symbolic link";
  if (kind !== "file") return "it is not a regular file";
  if (uid !== undefined && owner !== uid) return `it belongs to the user with id ${owner}, not to this one (${uid})`;
  const next = "remove it, and the next start makes a new one";
  if ((mode & OPEN_TO_OTHERS) !== 0) return `it is open to others (mode ${mode.toString(8)}); ${next}`;
  return bytes > LIMITS.smallFileBytesMax ? `it is far too large (${bytes} bytes); ${next}` : null;
}

function writeHeader(disk: Disk, stateDir: string, token: string): Promise<void> {
  return replaceFile(disk, headerPath(stateDir), [Buffer.from(headerOf(token))]);
}
