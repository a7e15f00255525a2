// Pieces of a file that end where lines end.
// Every size of a piece is tried on one text.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readPassingPieces, readPieces } from "../../src/store/line-reader.ts";
import { SimulatedDisk } from "../support/disk-simulator.ts";

async function pieces(
  text: string, pieceBytes: number, from = 0, to = text.length, read = readPieces,
): Promise<string[]> {
  const disk = new SimulatedDisk();
  disk.poke("/f", Buffer.from(text));
  const found: string[] = [];
  let position = from;
  for await (const piece of read(await disk.mount().open("/f", "read"), from, to, pieceBytes)) {
    assert.equal(piece.position, position);
    position += piece.bytes.length;
    found.push(`${piece.bytes.toString()}${piece.whole ? "" : "…"}`);
  }
  return found;
}

test("whatever the size of a piece, lines stay whole", async () => {
  const text = "a\nbb\nccccccccccccccc\nd\n\ne";
  for (let size = 1; size <= text.length + 1; size++) {
    const found = await pieces(text, size);
    assert.equal(found.join(""), `${text}…`, `pieces of ${size}`);
    assert.ok(found.slice(0, -1).every((piece) => piece.endsWith("\n")));
    assert.equal(found.at(-1), "e…");
    assert.deepEqual(await pieces(text, size, 0, Number.POSITIVE_INFINITY, readPassingPieces), found);
  }
});

test("reads from and to where it is told, and not beyond the file", async () => {
  assert.deepEqual(await pieces("a\nb\nc\n", 100, 2, 4), ["b\n"]);
  assert.deepEqual(await pieces("a\n", 100, 0, 50), ["a\n"]);
  assert.deepEqual(await pieces("", 100, 0, 50), []);
});

test("a line longer than the longest piece ends it", async () => {
  const upTo = (bytesMax: number): Promise<string[]> =>
    pieces("a\n12345678\n", 4, 0, 100, (file, from, to, bytes) => readPassingPieces(file, from, to, bytes, bytesMax));
  assert.deepEqual(await upTo(16), ["a\n", "12345678\n"]);
  assert.deepEqual(await upTo(15), ["a\n", "12345678…"]);
});

test("passing pieces come in one buffer, the others in their own", async () => {
  const disk = new SimulatedDisk();
  disk.poke("/f", Buffer.from("a\nb\nc\nd\nlonger than a piece\n"));
  const file = await disk.mount().open("/f", "read");
  const buffersOf = async (pieces: AsyncIterable<{ readonly bytes: Buffer }>): Promise<number> => {
    const buffers = new Set<ArrayBufferLike>();
    for await (const { bytes } of pieces) buffers.add(bytes.buffer);
    return buffers.size;
  };
  assert.equal(await buffersOf(readPieces(file, 0, 100, 4)), 3);
  assert.equal(await buffersOf(readPassingPieces(file, 0, 100, 4)), 2, "one, and a larger one for a long line");
});
