// What a connection's bytes say, wherever they are cut, and that every violation is told once and early.
//
// The frames come from encodeFrame, which ws-frame.test.ts checks against the RFC.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { encodeCloseFrame, encodeFrame, encodeTextFrame, OPCODE, type WsRole } from "../../src/protocol/ws-frame.ts";
import { createWsReceiver, type WsReceiver } from "../../src/protocol/ws-message.ts";

const MASKED = { maskKey: 0x37fa213d };
const FRAGMENT = { fin: false, ...MASKED };
const { continuation, text, binary, ping, pong, close } = OPCODE;

type Seen = ReadonlyArray<string | number | null>;

function receive(
  role: WsRole = "server", messageBytesMax = 1000, allowBinary = false,
): { receiver: WsReceiver; seen: Seen[] } {
  const seen: Seen[] = [];
  const receiver = createWsReceiver({
    role,
    messageBytesMax,
    allowBinary,
    on: {
      text: (message) => seen.push(["text", message]),
      binary: (message) => seen.push(["binary", message.toString("hex")]),
      ping: (payload) => seen.push(["ping", payload.toString()]),
      pong: (payload) => seen.push(["pong", payload.toString()]),
      close: (code, reason) => seen.push(["close", code, reason]),
      violation: (code) => seen.push(["violation", code]),
    },
  });
  return { receiver, seen };
}

/** All frames at once; a copy, as the receiver unmasks in place. */
function receiveAll(frames: readonly Buffer[], ...options: Parameters<typeof receive>): Seen[] {
  const { receiver, seen } = receive(...options);
  receiver.push(Buffer.concat(frames));
  return seen;
}

const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");
const masked = (opcode: (typeof OPCODE)[keyof typeof OPCODE], payload: string | Buffer): Buffer =>
  encodeFrame(opcode, Buffer.from(payload), MASKED);

const CONVERSATION = [
  encodeTextFrame("Hä€😀", MASKED), encodeTextFrame("", MASKED), masked(ping, "p"), masked(pong, ""),
  encodeFrame(text, Buffer.from("one ä").subarray(0, 5), FRAGMENT), masked(ping, "between"),
  encodeFrame(continuation, Buffer.alloc(0), FRAGMENT),
  encodeFrame(continuation, Buffer.from("one ä").subarray(5), FRAGMENT), masked(continuation, " two"),
  encodeFrame(text, Buffer.alloc(0), FRAGMENT), masked(continuation, "late"), encodeTextFrame("x".repeat(200), MASKED),
  encodeCloseFrame(1000, "bye", MASKED), encodeTextFrame("after", MASKED),
];
const SAID: Seen[] = [
  ["text", "Hä€😀"], ["text", ""], ["ping", "p"], ["pong", ""], ["ping", "between"], ["text", "one ä two"],
  ["text", "late"], ["text", "x".repeat(200)], ["close", 1000, "bye"],
];

test("a conversation is the same wherever its bytes are cut", () => {
  const all = Buffer.concat(CONVERSATION);
  for (let cut = 0; cut <= all.length; cut += 1) {
    const { receiver, seen } = receive();
    receiver.push(Buffer.from(all.subarray(0, cut)));
    receiver.push(Buffer.from(all.subarray(cut)));
    assert.deepEqual(seen, SAID, `cut at ${cut}`);
  }
  for (const size of [1, 2, 3, 5, 7]) {
    const { receiver, seen } = receive();
    for (let at = 0; at < all.length; at += size) receiver.push(Buffer.from(all.subarray(at, at + size)));
    assert.deepEqual(seen, SAID, `pieces of ${size}`);
  }
});

test("a client reads what a server sends, binary too, and refuses what is masked", () => {
  const frames = [
    encodeTextFrame("a"), encodeFrame(binary, bytes("00ff")), encodeFrame(binary, bytes("0a"), { fin: false }),
    encodeFrame(continuation, bytes("0b")), encodeTextFrame("b", MASKED),
  ];
  assert.deepEqual(receiveAll(frames, "client", 1000, true), [
    ["text", "a"], ["binary", "00ff"], ["binary", "0a0b"], ["violation", 1002],
  ]);
});

test("a binary message is the handler's own: later bytes do not change it", () => {
  let kept: Buffer | undefined;
  const receiver = createWsReceiver({
    role: "client",
    messageBytesMax: 10,
    allowBinary: true,
    on: {
      text: () => undefined, binary: (message) => void (kept = message), ping: () => undefined, pong: () => undefined,
      close: () => undefined, violation: () => undefined,
    },
  });
  const slab = encodeFrame(binary, Buffer.from("abc"));
  receiver.push(slab);
  slab.fill(0);
  assert.equal(kept?.toString(), "abc");
});

/** Name, frames, the code. After each comes a text message that must not be given. */
const VIOLATIONS: ReadonlyArray<readonly [string, readonly Buffer[], number]> = [
  ["an unmasked frame", [encodeTextFrame("x")], 1002],
  ["a reserved bit", [bytes("c180")], 1002],
  ["a reserved opcode", [bytes("8380")], 1002],
  ["a long ping", [bytes("89fe007e")], 1002],
  ["a fragmented ping", [bytes("0980")], 1002],
  ["a continuation of nothing", [masked(continuation, "x")], 1002],
  ["a continuation after the end", [encodeTextFrame("", MASKED), masked(continuation, "x")], 1002],
  ["a message inside a message", [encodeFrame(text, bytes("61"), FRAGMENT), masked(text, "x")], 1002],
  ["a binary message", [masked(binary, "x")], 1003],
  ["a message that is not UTF-8", [masked(text, bytes("61ff"))], 1007],
  ["a message that ends within a character", [masked(text, bytes("61c3"))], 1007],
  [
    "fragments that end within a character",
    [encodeFrame(text, bytes("e2"), FRAGMENT), masked(continuation, bytes("82"))],
    1007,
  ],
  ["half a close code", [masked(close, "x")], 1002],
  ["a close code that is not allowed", [masked(close, bytes("03ed"))], 1002],
  ["a close reason that is not UTF-8", [masked(close, bytes("03e8ff"))], 1007],
];

for (const [name, frames, code] of VIOLATIONS) {
  test(`${name} is answered with ${code}, once, and nothing follows it`, () => {
    const seen = receiveAll([...frames, encodeTextFrame("after", MASKED)]).filter(([kind, what]) => {
      return kind !== "text" || what !== "";
    });
    assert.deepEqual(seen, [["violation", code]]);
  });
}

test("bad UTF-8 is told at its first byte, in the middle of a frame and of a fragment", () => {
  for (const [head, rest] of [["61", "ff"], ["f48f", "c0"], ["f4", "90"], ["c3", "41"]] as const) {
    const { receiver, seen } = receive();
    const frame = encodeFrame(text, Buffer.concat([bytes(head), bytes(rest), Buffer.alloc(50)]), MASKED);
    receiver.push(Buffer.from(frame.subarray(0, 6 + head.length / 2)));
    assert.deepEqual(seen, [], `${head} can still become UTF-8`);
    receiver.push(Buffer.from(frame.subarray(6 + head.length / 2, 7 + head.length / 2)));
    assert.deepEqual(seen, [["violation", 1007]]);
  }
  const fragments = [encodeFrame(text, bytes("f4"), FRAGMENT), encodeFrame(continuation, bytes("90"), FRAGMENT)];
  assert.deepEqual(receiveAll(fragments), [["violation", 1007]]);
});

test("a message of exactly the limit passes, one byte more is refused by its header", () => {
  assert.deepEqual(receiveAll([encodeTextFrame("x".repeat(1000), MASKED)]), [["text", "x".repeat(1000)]]);
  assert.deepEqual(receiveAll([encodeTextFrame("x".repeat(1001), MASKED).subarray(0, 4)]), [["violation", 1009]]);
});

test("fragments are counted together, and refused by the header that goes too far", () => {
  const first = encodeFrame(text, Buffer.alloc(600, "a"), FRAGMENT);
  const within = encodeFrame(continuation, Buffer.alloc(400, "b"), MASKED);
  assert.deepEqual(receiveAll([first, within]), [["text", `${"a".repeat(600)}${"b".repeat(400)}`]]);
  const beyond = encodeFrame(continuation, Buffer.alloc(401, "b"), MASKED);
  assert.deepEqual(receiveAll([first, beyond.subarray(0, 8)]), [["violation", 1009]]);
});

test("10,000 fragments of one byte pin no more than the limit, and the largest message neither", () => {
  const { receiver, seen } = receive("server", LIMITS.wsMessageBytesMax);
  receiver.push(encodeFrame(text, Buffer.from("x"), FRAGMENT));
  for (let i = 0; i < 9_999; i += 1) receiver.push(encodeFrame(continuation, Buffer.from("x"), FRAGMENT));
  assert.ok(receiver.pinnedBytes <= 20_000, `${receiver.pinnedBytes} bytes`);
  const most = Buffer.alloc(LIMITS.wsMessageBytesMax - 10_000, "y");
  receiver.push(encodeFrame(continuation, most, FRAGMENT));
  assert.ok(receiver.pinnedBytes <= LIMITS.wsFragmentsPinnedBytesMax, `${receiver.pinnedBytes} bytes`);
  receiver.push(masked(continuation, ""));
  assert.equal(seen.length, 1);
  assert.equal(receiver.pinnedBytes, 0);
});

test("a receiver that is stopped from within a handler gives nothing more", () => {
  const seen: string[] = [];
  const receiver = createWsReceiver({
    role: "server",
    messageBytesMax: 10,
    allowBinary: false,
    on: {
      text(message) {
        seen.push(message);
        receiver.stop();
      },
      binary: () => undefined, ping: () => undefined, pong: () => undefined, close: () => undefined,
      violation: () => undefined,
    },
  });
  receiver.push(Buffer.concat([encodeTextFrame("a", MASKED), encodeTextFrame("b", MASKED)]));
  receiver.push(encodeTextFrame("c", MASKED));
  assert.deepEqual(seen, ["a"]);
});

test("messages as bytes: checked as ever, the handler's own, and with what they are", () => {
  const seen: Seen[] = [];
  const kept: Buffer[] = [];
  const receiver = createWsReceiver({
    role: "server",
    messageBytesMax: 10,
    allowBinary: true,
    on: {
      message(opcode, payload) {
        kept.push(payload);
        seen.push([opcode, payload.toString()]);
      },
      ping: () => undefined, pong: () => undefined, close: () => undefined,
      violation: (code) => seen.push(["violation", code]),
    },
  });
  const slab = Buffer.concat([
    encodeTextFrame("ä", MASKED), masked(binary, "b"), encodeFrame(text, Buffer.from("c"), FRAGMENT),
    masked(continuation, "d"), masked(text, bytes("ff")),
  ]);
  receiver.push(slab);
  slab.fill(0);
  assert.deepEqual(seen, [[text, "ä"], [binary, "b"], [text, "cd"], ["violation", 1007]]);
  assert.deepEqual(kept.map(String), ["ä", "b", "cd"]);
});

test("an error of the handler's own is not taken for the peer's", () => {
  const { receiver } = receive();
  const broken = createWsReceiver({
    role: "server",
    messageBytesMax: 10,
    allowBinary: false,
    on: {
      text: () => {
        throw new RangeError("a bug");
      },
      binary: () => undefined, ping: () => undefined, pong: () => undefined, close: () => undefined,
      violation: () => assert.fail("the peer did nothing wrong"),
    },
  });
  const two = Buffer.concat([encodeTextFrame("a", MASKED), encodeTextFrame("b", MASKED).subarray(0, 3)]);
  assert.throws(() => broken.push(two), RangeError);
  // The three bytes are lost: what follows would be misread.
  broken.push(encodeTextFrame("c", MASKED));
  assert.equal(receiver.pinnedBytes, 0);
});
