// Which kind of image some bytes are, by how they begin: what they are called proves nothing.
//
// Deliberately only the kinds that Codex passes on to a model (measured on 0.169: it drops all others, and what no
// decoder can read, and tells the model alone). Invariant: it looks at the first bytes only, and decodes nothing.

import type { UploadMediaType } from "./requests.ts";

/** So many bytes are enough for `imageTypeOf`. */
export const IMAGE_HEAD_BYTES = 12;

export const IMAGE_EXTENSIONS: Readonly<Record<UploadMediaType, string>> = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/gif": "gif",
  "image/webp": "webp",
};

/** As they begin; each is of Latin-1 characters, and `.` stands for any byte. */
const HEADS: ReadonlyArray<readonly [UploadMediaType, RegExp]> = [
  ["image/png", /^\x89PNG\r\n\x1a\n/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8[79]a/],
  ["image/webp", /^RIFF....WEBP/s],
];

/** Null where they are none of these. */
export function imageTypeOf(bytes: Uint8Array): UploadMediaType | null {
  const head = Buffer.from(bytes.subarray(0, IMAGE_HEAD_BYTES)).toString("latin1");
  return HEADS.find(([, pattern]) => pattern.test(head))?.[0] ?? null;
}
