// `data:` URLs of images and sounds, as Codex takes them (RFC 2397, base64 alone).
//
// Deliberately as strict as Codex: it fetches nothing, and puts what it cannot read as a note before the model only.
// Nothing is decoded but the first bytes of an image. Invariant: one look at a text, however long it is.

import { DecodeError, described, mismatch, type Decoder } from "../../base/decode.ts";
import { IMAGE_HEAD_BYTES, imageTypeOf } from "../../core/image-types.ts";
import { checkBase64 } from "../../core/input-fields.ts";

const HINTS = {
  image: 'send a data: URL, a file as {"type": "localImage", "path": …}, or an upload by its uploadId',
  audio: 'send a data: URL, or a file as {"type": "localAudio", "path": …}',
};

const HEAD_CHARS_MAX = 256;

/** A `data:` URL of an image that Codex reads, or of an `audio/` type. */
export function dataUrl(kind: keyof typeof HINTS): Decoder<string> {
  return described((value: unknown, path: string) => {
    if (typeof value !== "string") throw mismatch(path, value, "a data: URL");
    if (/^https?:/i.test(value)) throw new DecodeError(path, `a remote ${kind} is not fetched; ${HINTS[kind]}`);
    if (!/^data:/i.test(value)) throw mismatch(path, value, `a data: URL (${HINTS[kind]})`);
    const comma = value.slice(0, HEAD_CHARS_MAX).indexOf(",");
    const words = value.slice("data:".length, Math.max(comma, 0)).toLowerCase().split(";");
    if (comma < 0 || words[0]?.startsWith(`${kind}/`) !== true || words.at(-1) !== "base64") {
      throw mismatch(path, value, `a data: URL of the form data:${kind}/…;base64,…`);
    }
    const text = value.slice(comma + 1);
    if (text === "") throw new DecodeError(path, "holds nothing behind its comma");
    checkBase64(text, path);
    const head = Buffer.from(text.slice(0, Math.ceil(IMAGE_HEAD_BYTES / 3) * 4), "base64");
    if (kind === "image" && imageTypeOf(head) === null) {
      throw new DecodeError(path, "must hold a PNG, JPEG, GIF or WebP image, and its bytes do not begin like one");
    }
    return value;
  }, { type: "string", pattern: `^data:${kind}/` });
}
