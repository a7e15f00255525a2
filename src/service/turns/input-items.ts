// The items of a turn's input: what each type takes, and what is refused before Codex sees it.
//
// Codex drops in silence, or tells the model alone, what it cannot use: a misspelt member, a file that is not there,
// an image that is none. Whoever sent it is told here. Deliberately open to types that a later Codex may know: those
// pass as they are. Invariant: an error names the item and the member.

import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import path from "node:path";

import {
  array, described, DecodeError, integer, isObject, mismatch, nonEmptyString, object, oneOf, optional, required,
  string, type Decoder,
} from "../../base/decode.ts";
import type { JsonSchema } from "../../base/json-schema.ts";
import { createCodexAppServerTextInput, type InputItem } from "../../codex/methods.ts";
import { checkText } from "../../core/input-fields.ts";
import type { SessionRecord } from "../../core/records.ts";
import type { StartTurnInput } from "../../core/requests.ts";
import type { Uploads } from "../sessions/uploads.ts";
import { dataUrl } from "./media-urls.ts";

/**
 * The items as Codex is to have them: at once, unless one of them is about a file.
 *
 * @throws (or rejects) {DecodeError}
 */
export type InputItems = (input: StartTurnInput, session: SessionRecord) => InputItem[] | Promise<InputItem[]>;

export interface InputItemsOptions {
  readonly uploads: Pick<Uploads, "pathOf">;
  /** Where a session works that says nothing else. */
  readonly defaultCwd: string;
  /** The app-server runs elsewhere: its files are not here to be looked at. */
  readonly remote: boolean;
}

export function createInputItems({ uploads, defaultCwd, remote }: InputItemsOptions): InputItems {
  /** Codex would take a relative path from where it was started, which is not where the session works (measured). */
  const absolute = (file: string, cwd: string): string => (isAbsolute(file) ? file : path.join(cwd, file));
  // Elsewhere may be a Windows, whose rule takes the paths of all others too.
  const { isAbsolute } = remote ? path.win32 : path;

  const located = async (item: InputItem, at: string, sessionId: string, cwd: string): Promise<InputItem> => {
    const { uploadId, path: file, ...rest } = item;
    if (typeof uploadId === "string") {
      const found = remote ? null : await uploads.pathOf(sessionId, uploadId);
      if (found === null) throw mismatch(`${at}.uploadId`, uploadId, `an upload of session ${sessionId}`);
      return { ...rest, type: "localImage", path: found };
    }
    if (typeof file !== "string") return item;
    const whole = absolute(file, cwd);
    if (!remote) await requireFile(`${at}.path`, file, whole);
    return { ...item, path: whole };
  };

  return (input, session) => {
    const items = inputItems(input);
    if (!items.some(isOfFile)) return items;
    const cwd = input.cwd ?? session.cwd ?? session.profile.cwd ?? defaultCwd;
    return Promise.all(items.map((item, at) => {
      return isOfFile(item) ? located(item, `input[${at}]`, session.sessionId, cwd) : item;
    }));
  };
}

/**
 * The input items of a turn, whichever way they were given; uploads and files are not looked at.
 *
 * @throws {DecodeError} unless exactly one of `input` and `prompt` is there, each known item is whole, and the texts
 *   together are within Codex's limit and more than white space.
 */
export function inputItems({ input, prompt }: StartTurnInput): InputItem[] {
  if (input !== undefined && prompt !== undefined) {
    throw new DecodeError("prompt", "stands beside input; give one of the two");
  }
  const given = input ?? prompt;
  if (given === undefined) throw new DecodeError("input", "is required (or prompt)");
  if (typeof given === "string") {
    const field = input === undefined ? "prompt" : "input";
    checkText(given, field);
    if (given.trim() === "") throw blankError(field);
    return [createCodexAppServerTextInput(given)];
  }
  const items = given.map((item, at) => decodeItem(item, `input[${at}]`));
  checkTexts(items);
  return items;
}

const filePath: Decoder<string> = described((value: unknown, at: string) => {
  if (typeof value !== "string" || value === "" || value.includes("\0")) throw mismatch(at, value, "a file's path");
  return value;
}, { type: "string", minLength: 1 });

const offset = integer(0, Number.MAX_SAFE_INTEGER);
const textElement = object<TextElement>({
  byteRange: required(object<TextElement["byteRange"]>({ start: required(offset), end: required(offset) })),
  placeholder: optional(string),
});

interface TextElement {
  readonly byteRange: { readonly start: number; readonly end: number };
  readonly placeholder?: string | undefined;
}

/** For `low` Codex puts a note in the image's place, which only the model sees (measured on 0.169). */
const detail = optional(oneOf("auto", "high", "original"));
const named = { name: required(nonEmptyString), path: required(nonEmptyString) };

/** What is known of each type, beside the type itself; `uploadId` is codexd's own. */
const ITEMS: ReadonlyMap<string, Decoder<InputItem>> = new Map(Object.entries({
  text: { text: required(string), text_elements: optional(array(textElement)) },
  image: {
    url: optional(dataUrl("image")), fileId: optional(nonEmptyString), uploadId: optional(nonEmptyString), detail,
  },
  localImage: { path: optional(filePath), uploadId: optional(nonEmptyString), detail },
  audio: { url: optional(dataUrl("audio")), fileId: optional(nonEmptyString) },
  localAudio: { path: required(filePath) },
  skill: named,
  mention: named,
}).map(([type, members]) => [type, object<InputItem>({ type: required(oneOf(type)), ...members })]));

/** An item as a caller may send it, in words; the last one stands for types that a later Codex may know. */
export const INPUT_ITEM_SCHEMA: JsonSchema = {
  anyOf: [...[...ITEMS.values()].map(({ schema }) => schema ?? {}), { type: "object", required: ["type"] }],
};

/** By type, the members of which there must be exactly one. */
const ONE_OF: ReadonlyMap<unknown, readonly string[]> = new Map([
  ["image", ["url", "uploadId", "fileId"]],
  ["localImage", ["path", "uploadId"]],
  ["audio", ["url", "fileId"]],
]);

const LOCAL: ReadonlySet<unknown> = new Set(["localImage", "localAudio"]);

function isOfFile({ type: kind, uploadId }: InputItem): boolean {
  return LOCAL.has(kind) || (kind === "image" && uploadId !== undefined);
}

function decodeItem(item: InputItem, at: string): InputItem {
  if (!isObject(item)) throw mismatch(at, item, "an object");
  if (typeof item["type"] !== "string") throw mismatch(`${at}.type`, item["type"], "the type of a Codex input item");
  const known = ITEMS.get(item["type"])?.(item, at);
  if (known === undefined) return item;
  const names = ONE_OF.get(known["type"]);
  if (names !== undefined) requireOne(known, names, at);
  return known;
}

function requireOne(item: InputItem, names: readonly string[], at: string): void {
  const [first, second] = names.filter((name) => item[name] !== undefined);
  if (first === undefined) {
    throw new DecodeError(`${at}.${names[0] ?? ""}`, `is required (or ${names.slice(1).join(", or ")})`);
  }
  if (second !== undefined) throw new DecodeError(`${at}.${second}`, `stands beside ${first}; give one of the two`);
}

/** Codex counts all texts together (measured), and would ask the model about nothing at all. */
function checkTexts(items: readonly InputItem[]): void {
  const texts: string[] = [];
  for (const [at, { text }] of items.entries()) {
    if (typeof text !== "string") continue;
    checkText(text, `input[${at}].text`);
    texts.push(text);
  }
  checkText(texts.join(""), "input");
  const isBlank = items.every((item) => item["type"] === "text") && texts.every((text) => text.trim() === "");
  if (isBlank) throw blankError(items.length === 1 ? "input[0].text" : "input");
}

function blankError(field: string): DecodeError {
  return new DecodeError(field, "must be more than white space");
}

/** A file that Codex, which is the same user, can read. */
async function requireFile(field: string, told: string, file: string): Promise<void> {
  try {
    if ((await stat(file)).isFile()) return await access(file, constants.R_OK);
  } catch {
    // Whatever keeps it from being seen keeps Codex from reading it.
  }
  const where = told === file ? "" : ` (${file})`;
  throw mismatch(field, told, `an existing file that can be read${where}`);
}
