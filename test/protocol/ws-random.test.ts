// Streams by chance, right and wrong, cut by chance and for both roles: the receiver says what a slow model of RFC 6455
// says, and says it with the bytes that prove it.
//
// A failure names its seed, with which it comes again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { OPCODE, type WsRole } from "../../src/protocol/ws-frame.ts";
import { createWsReceiver } from "../../src/protocol/ws-message.ts";
import { seededRandom } from "../support/disk-simulator.ts";
import type { Answer } from "../support/ws-case.ts";
import { toldBy, type Told } from "../support/ws-model.ts";
import { randomPieces, randomStream } from "../support/ws-random.ts";

const STREAMS = 600;
const LIMITS_TRIED = [125, 1000, 70_000];

/** `afterBytes` is where the piece ended with which it was told. */
function receivedOf(pieces: readonly Buffer[], role: WsRole, messageBytesMax: number): Told[] {
  const told: Told[] = [];
  let afterBytes = 0;
  const tell = (...answer: Answer): void => void told.push({ afterBytes, answer });
  const receiver = createWsReceiver({
    role,
    messageBytesMax,
    allowBinary: true,
    on: {
      message: (opcode, bytes) => tell(opcode === OPCODE.text ? "text" : "binary", bytes),
      ping: (payload) => tell("pong", Buffer.from(payload)),
      pong: () => undefined,
      close: (code) => tell("close", code),
      violation: (code) => tell("close", code),
    },
  });
  for (const piece of pieces) {
    afterBytes += piece.length;
    receiver.push(Buffer.from(piece));
    assert.ok(receiver.pinnedBytes <= messageBytesMax, "more is held than a message may have");
  }
  return told;
}

/** Where the piece ends that has the byte. */
function endOfPiece(pieces: readonly Buffer[], afterBytes: number): number {
  let end = 0;
  for (const piece of pieces) if (end < afterBytes) end += piece.length;
  return end;
}

for (const role of ["server", "client"] as const) {
  test(`${STREAMS} streams by chance, read by a ${role}`, () => {
    for (let seed = 1; seed <= STREAMS; seed += 1) {
      const random = seededRandom(seed);
      const messageBytesMax = LIMITS_TRIED[seed % LIMITS_TRIED.length]!;
      const stream = randomStream(random, role, messageBytesMax);
      const pieces = randomPieces(random, stream);
      const wanted = toldBy(stream, role, messageBytesMax).map(({ afterBytes, answer }) => {
        return { afterBytes: endOfPiece(pieces, afterBytes), answer };
      });
      const came = receivedOf(pieces, role, messageBytesMax);
      const same = came.length === wanted.length && came.every((told, i) => isSame(told, wanted[i]!));
      assert.ok(same, `seed ${seed}: ${stream.toString("hex", 0, 100)}\n${summary(came)}\n${summary(wanted)}`);
    }
  });
}

/** Not deepEqual, which takes long for so many bytes. */
function isSame(one: Told, other: Told): boolean {
  const [kind, what] = one.answer;
  const [otherKind, otherWhat] = other.answer;
  if (kind !== otherKind || one.afterBytes !== other.afterBytes) return false;
  return Buffer.isBuffer(what) && Buffer.isBuffer(otherWhat) ? what.equals(otherWhat) : what === otherWhat;
}

function summary(told: readonly Told[]): string {
  return told.map(({ afterBytes, answer: [kind, what] }) => {
    return `${afterBytes}: ${kind} ${Buffer.isBuffer(what) ? `${what.length} bytes` : what}`;
  }).join(", ");
}
