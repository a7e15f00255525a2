// The conformance cases of RFC 6455 by bytes, for both roles: however they are cut, what is told is the same.
//
// Not over sockets: that is ws-conformance-socket.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { OPCODE, type WsRole } from "../../src/protocol/ws-frame.ts";
import { createWsReceiver } from "../../src/protocol/ws-message.ts";
import { allAnswers, chop, piecesOf, type Answer, type WsCase } from "../support/ws-case.ts";
import { CLOSE_CASES, LIMIT_CASES } from "../support/ws-cases-close.ts";
import { FRAME_CASES } from "../support/ws-cases-frames.ts";
import { LARGE_CASES } from "../support/ws-cases-large.ts";
import { TEXT_CASES } from "../support/ws-cases-text.ts";

const ROLES = ["server", "client"] as const;
const MESSAGE_BYTES_MAX = 2 ** 24;
/** Longer cases are cut in fewer places. */
const CUT_EVERYWHERE_MAX = 60;

const FAMILIES: Readonly<Record<string, readonly WsCase[]>> = {
  "1 to 5: sizes, pings, reserved bits, opcodes, fragmentation": FRAME_CASES,
  "6: UTF-8": TEXT_CASES,
  "7: closing, codes, lengths and masks": CLOSE_CASES,
};

/** Copies what it is given, as a receiver unmasks in place. */
function answersTo(pieces: Iterable<Uint8Array>, role: WsRole): Answer[] {
  const answers: Answer[] = [];
  const receiver = createWsReceiver({
    role,
    messageBytesMax: MESSAGE_BYTES_MAX,
    allowBinary: true,
    on: {
      message: (opcode, bytes) => void answers.push([opcode === OPCODE.text ? "text" : "binary", bytes]),
      ping: (payload) => void answers.push(["pong", Buffer.from(payload)]),
      pong: () => undefined,
      close: (code) => void answers.push(["close", code]),
      violation: (code) => void answers.push(["close", code]),
    },
  });
  for (const piece of pieces) receiver.push(Buffer.from(piece));
  return answers;
}

for (const role of ROLES) {
  for (const [name, cases] of Object.entries(FAMILIES)) {
    test(`cases ${name}, read by a ${role}: whole, by frames, by octets and cut everywhere`, () => {
      for (const wsCase of cases) {
        const pieces = piecesOf(wsCase, role);
        const wanted = allAnswers(wsCase);
        const all = Buffer.concat(pieces);
        assert.deepEqual(answersTo([all], role), wanted, `${wsCase.id}, whole`);
        assert.deepEqual(answersTo(pieces, role), wanted, `${wsCase.id}, by frames`);
        for (const size of all.length > 5000 ? [1399] : [1, 2, 3]) {
          assert.deepEqual(answersTo(chop(all, size), role), wanted, `${wsCase.id}, by ${size}`);
        }
        for (let cut = 1; cut < Math.min(all.length, CUT_EVERYWHERE_MAX); cut += 1) {
          const halves = [all.subarray(0, cut), all.subarray(cut)];
          assert.deepEqual(answersTo(halves, role), wanted, `${wsCase.id}, cut at ${cut}`);
        }
      }
    });
  }

  test(`a ${role} refuses what exceeds 16 MiB in fragments by the header that exceeds it`, () => {
    for (const wsCase of LIMIT_CASES) {
      assert.deepEqual(answersTo(piecesOf(wsCase, role), role), allAnswers(wsCase), wsCase.id);
    }
  });
}

test("cases 9 and 10 by bytes: up to 16 MiB, whole, in fragments and chopped", () => {
  for (const wsCase of LARGE_CASES) {
    const [first, ...more] = allAnswers(wsCase);
    const [came, ...moreCame] = answersTo(piecesOf(wsCase, "server"), "server");
    assert.equal(came?.[0], first?.[0], wsCase.id);
    // Not deepEqual, which takes seconds for so many bytes.
    assert.ok(Buffer.isBuffer(came?.[1]) && Buffer.isBuffer(first?.[1]) && came[1].equals(first[1]), wsCase.id);
    assert.equal(moreCame.length, more.length, wsCase.id);
  }
});
