// How images begin: each kind, cut short at every byte, and what only looks like one.
// Nothing here is a whole image.

import assert from "node:assert/strict";
import { test } from "node:test";
import { IMAGE_EXTENSIONS, IMAGE_HEAD_BYTES, imageTypeOf } from "../../src/core/image-types.ts";
import { UPLOAD_MEDIA_TYPES } from "../../src/core/requests.ts";

const HEADS = {
  "image/png": [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  "image/jpeg": [0xff, 0xd8, 0xff],
  "image/gif": [0x47, 0x49, 0x46, 0x38, 0x39, 0x61],
  "image/webp": [0x52, 0x49, 0x46, 0x46, 0x0a, 0xff, 0x0d, 0x00, 0x57, 0x45, 0x42, 0x50],
};

test("each kind is known by how it begins, whole, and by nothing less", () => {
  for (const type of UPLOAD_MEDIA_TYPES) {
    const head = HEADS[type];
    assert.ok(head.length <= IMAGE_HEAD_BYTES);
    assert.equal(imageTypeOf(Buffer.from([...head, 1, 2, 3])), type);
    assert.equal(imageTypeOf(new Uint8Array(head)), type);
    for (let cut = 0; cut < head.length; cut += 1) {
      assert.equal(imageTypeOf(Buffer.from(head.slice(0, cut))), null, `${type} cut at ${cut}`);
      const changed = imageTypeOf(Buffer.from(head.map((byte, i) => (i === cut ? 0x01 : byte))));
      // Of a WebP the length stands there.
      assert.equal(changed, type === "image/webp" && cut > 3 && cut < 8 ? type : null, `${type} changed at ${cut}`);
    }
    assert.match(IMAGE_EXTENSIONS[type], /^[a-z]+$/);
  }
});

test("the older GIF is one; sounds, bitmaps and what has an image behind it are none", () => {
  assert.equal(imageTypeOf(Buffer.from("GIF87a")), "image/gif");
  for (const text of ["RIFF\0\0\0\0WAVE", "BM6\0\0\0", "<svg/>", "\nGIF89a", "GIF88a", ""]) {
    assert.equal(imageTypeOf(Buffer.from(text, "latin1")), null, text);
  }
});
