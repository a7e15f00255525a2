// Pieces of a file that end where lines end.
// Every size of a piece is tried on one text.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readPieces } from "../../src/store/line-reader.ts";
import { SimulatedDisk } from "../support/disk-simulator.ts";

async function pieces(text: string, pieceBytes: number, from = 0, to = text.length): Promise<string[]> {
  const disk = new SimulatedDisk();
  disk.poke("/f", Buffer.from(text));
  const found: string[] = [];
  let position = from;
  for await (const piece of readPieces(await disk.mount().open("/f", "read"), from, to, pieceBytes)) {
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
  }
});

test("reads from and to where it is told, and not beyond the file", async () => {
  assert.deepEqual(await pieces("a\nb\nc\n", 100, 2, 4), ["b\n"]);
  assert.deepEqual(await pieces("a\n", 100, 0, 50), ["a\n"]);
  assert.deepEqual(await pieces("", 100, 0, 50), []);
});
