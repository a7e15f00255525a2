// What a flag, a variable or an input may hold -> a value: one parser a kind of option.
//
// Pure, and the same for text (flags, environment) and typed values (the library). Which option takes which kind
// stands in config-options.ts. Invariant: what cannot be understood throws; nothing is guessed or cut.

import path from "node:path";
import { DecodeError, mismatch } from "./base/decode.ts";
import { LIMITS } from "./core/limits.ts";
import { decodeLoopbackBase } from "./core/loopback-base.ts";

/** What relative paths and `~/` are measured from. */
export interface ConfigPlatform {
  readonly cwd: string;
  readonly homeDir: string;
  readonly hostName: string;
}

/** @throws {DecodeError} that names `label` (a flag or a variable), the value, and what it takes. */
export type OptionParser<T> = (value: unknown, label: string, platform: ConfigPlatform) => T;

/** Turns a switched-off option into null; no other word does, `null` itself means that nothing was said. */
export const OFF = "off";

export function wordOf<const T extends string>(words: readonly T[]): OptionParser<T> {
  return (value, label) => {
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) throw mismatch(label, value, `one of ${words.join(", ")}`);
    return word;
  };
}

/** One line of at most `LIMITS.nameCharsMax` printable characters. */
export const name: OptionParser<string> = (value, label) => {
  const most = LIMITS.nameCharsMax;
  if (typeof value !== "string" || value.trim() === "" || value.length > most || /\p{Cc}/u.test(value)) {
    throw mismatch(label, value, `a name of 1 to ${most} printable characters`);
  }
  return value;
};

export function wholeNumber(min: number, max: number): OptionParser<number> {
  return (value, label) => {
    const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof number !== "number" || !Number.isInteger(number) || number < min || number > max) {
      throw mismatch(label, value, `a whole number from ${min} to ${max}`);
    }
    return number;
  };
}

/** Powers of 1000 and of 1024, in any case, as in `100kB` and `512MiB`. */
const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1, b: 1,
  kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12,
  kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40,
};
const SIZE_TAKES = "bytes, or a size such as 100kB, 512MiB, 1.5GiB (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB)";

/** Whole bytes; a fraction such as `1.5GiB` is rounded down to them. */
export const size: OptionParser<number> = (value, label) => {
  const text = typeof value === "number" ? String(value) : value;
  const match = typeof text === "string" ? /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text) : null;
  const unit = UNIT_BYTES[match?.[2]?.toLowerCase() ?? "none"];
  const bytes = unit === undefined ? Number.NaN : Math.floor(Number(match?.[1]) * unit);
  if (!Number.isSafeInteger(bytes)) throw mismatch(label, value, SIZE_TAKES);
  return bytes;
};

/** Null for `off`. */
export function orOff<T>(parse: OptionParser<T>): OptionParser<T | null> {
  return (value, label, platform) => {
    if (value === OFF) return null;
    try {
      return parse(value, label, platform);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new DecodeError("", `${error.message} (or ${OFF})`);
    }
  };
}

/** Absolute; relative ones count from `cwd`. `~/` is the home: shells leave it alone after `--flag=`. */
export const filePath: OptionParser<string> = (value, label, platform) => {
  if (typeof value !== "string" || value === "" || value.includes("\0")) throw mismatch(label, value, "a path");
  if (value === "~" || value.startsWith("~/")) return path.join(platform.homeDir, value.slice(1));
  return path.resolve(platform.cwd, value);
};

/** A name to look for on PATH stays as it is; one with a slash is a path. */
export const command: OptionParser<string> = (value, label, platform) => {
  if (typeof value !== "string" || value.trim() === "" || value.includes("\0")) {
    throw mismatch(label, value, "the name or path of a program");
  }
  return value.includes("/") ? filePath(value, label, platform) : value;
};

/** An array of strings; as text, a JSON array. */
export const commandArgs: OptionParser<readonly string[]> = (value, label) => {
  const list: unknown = typeof value === "string" ? parseJson(value) : value;
  if (!Array.isArray(list) || !list.every(isArgument)) {
    throw mismatch(label, value, 'a JSON array of strings, such as ["app-server"]');
  }
  // A copy, since the configuration is frozen and the caller's array is the caller's.
  return [...list];
};

/** No relative segments, no query, no escapes: it is compared with targets byte for byte. */
export const urlPath: OptionParser<string> = (value, label) => {
  const fits = typeof value === "string" && /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/.test(value);
  if (!fits) throw mismatch(label, value, "a path that starts with / and has no query, such as /v1/codexd/events");
  return value;
};

/** Gives `http://host[:port]`, without a slash at the end. */
export const loopbackBase: OptionParser<string> = decodeLoopbackBase;

/** `stdio://`, a URL that leads to a WebSocket, or `unix:///path`; whether it fits the strategy is not seen here. */
export const endpoint: OptionParser<string> = (value, label) => {
  if (value === "stdio://") return value;
  const takes = "stdio://, a ws://, wss://, http:// or https:// URL, or unix:///path";
  if (typeof value !== "string" || !/^(?:wss?|https?|unix):\/\//i.test(value) || !URL.canParse(value)) {
    throw mismatch(label, value, takes);
  }
  const url = new URL(value);
  if (url.protocol === "unix:" && (url.host !== "" || url.pathname.length < 2)) throw mismatch(label, value, takes);
  if (url.username !== "" || url.password !== "") {
    throw new DecodeError(label, "must be without a user name or password; a token belongs in --server-token-file");
  }
  return value;
};

/** A timer's length; 0 and what Node's timers cannot hold are refused. */
export const milliseconds: OptionParser<number> = wholeNumber(1, LIMITS.timerMsMax);

function isArgument(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller says what the value takes; where exactly the JSON broke adds nothing to that.
    return undefined;
  }
}
