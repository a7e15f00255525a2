// The bearer token, and the header file that curl reads it from so that it never stands in a command's arguments.
//
// Invariant: a token is made with exclusive creation and mode 0600; a damaged file is named, never replaced in silence.

import { randomBytes } from "node:crypto";
import path from "node:path";

import { EXIT, ExitError } from "../core/errors.ts";
import { errorCode, type Disk } from "./disk.ts";
import { createFile, replaceFile } from "./replace-file.ts";

const TOKEN_FILE = "token";
const HEADER_FILE = "curl-header";
const TOKEN_BYTES = 32;
/** 32 bytes in base64url, without padding. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/**
 * The token in `stateDir`, made at the first call ever; writes the header file where it is missing or stale.
 *
 * @throws {ExitError} `config` when the file does not hold a token.
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
  if ((await readHeader(disk, stateDir)) !== headerOf(token)) await writeHeader(disk, stateDir, token);
  return token;
}

/** @throws {ExitError} `config` when there is no token in `stateDir`, or the file does not hold one. */
export async function readToken(disk: Disk, stateDir: string): Promise<string> {
  const file = tokenPath(stateDir);
  let text: string;
  try {
    text = (await disk.readFile(file)).toString("utf8");
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT") throw new ExitError(EXIT.config, `there is no token at ${file}: codexd has not run there`);
    if (code === "ELOOP") throw new ExitError(EXIT.config, `the token file ${file} is a symbolic link`);
    throw error;
  }
  const token = text.trim();
  if (TOKEN.test(token)) return token;
  const problem = token === "" ? "is empty" : "does not hold a token (43 characters of base64url)";
  throw new ExitError(EXIT.config, `the token file ${file} ${problem}; remove it, and the next start makes a new one`);
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

async function readHeader(disk: Disk, stateDir: string): Promise<string | undefined> {
  try {
    return (await disk.readFile(headerPath(stateDir))).toString("utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function writeHeader(disk: Disk, stateDir: string, token: string): Promise<void> {
  return replaceFile(disk, headerPath(stateDir), [Buffer.from(headerOf(token))]);
}
