// Each type of input item: what it takes, how it goes to Codex, and what is refused before Codex sees it.
// How texts are counted stands in inputs-turn.test.ts.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { DecodeError } from "../../../src/base/decode.ts";
import type { InputItem } from "../../../src/codex/methods.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { createInputItems, inputItems } from "../../../src/service/turns/input-items.ts";
import { makeSession } from "../../support/fake-services.ts";
import { makeTempDir } from "../../support/temp-dir.ts";

const GIF = "data:image/gif;base64,R0lGODlh";

const taken = (...input: InputItem[]): InputItem[] => inputItems({ sessionId: "s", input });

function refusal(item: unknown): [string, string] {
  try {
    taken(item as InputItem);
  } catch (error) {
    assert.ok(error instanceof DecodeError, String(error));
    return [error.path, error.message];
  }
  return assert.fail(`it was taken: ${JSON.stringify(item)}`);
}

test("every known type passes whole, and an unknown one as it is", () => {
  const items: InputItem[] = [
    { type: "text", text: "hi", text_elements: [{ byteRange: { start: 0, end: 2 }, placeholder: "p" }] },
    { type: "image", url: GIF, detail: "high" },
    { type: "image", fileId: "file_1" },
    { type: "image", uploadId: "upl_1" },
    { type: "localImage", path: "a.png", detail: "original" },
    { type: "localImage", uploadId: "upl_1" },
    { type: "audio", url: "data:audio/wav;base64,aGk=" },
    { type: "audio", fileId: "file_2" },
    { type: "localAudio", path: "/a.wav" },
    { type: "skill", name: "s", path: "/skills/s/SKILL.md" },
    { type: "mention", name: "m", path: "app://m" },
    { type: "hologram", depth: 3, textElements: [] },
  ];
  assert.deepEqual(taken(...items), items);
});

test("null means that a member was left out", () => {
  const told = [{ type: "text", text: "hi", text_elements: null }, { type: "image", url: GIF, detail: null }];
  assert.deepEqual(taken(...told), [{ type: "text", text: "hi" }, { type: "image", url: GIF }]);
});

test("an error names the member: unknown, missing, of another shape, or one too many", () => {
  const at = (item: unknown): string => refusal(item)[0];
  assert.match(refusal({ type: "text", text: "a", textElements: [] })[1],
    /^input\[0\]\.textElements: unknown field; .*text_elements/);
  assert.equal(at("hello"), "input[0]");
  assert.equal(at({ text: "a" }), "input[0].type");
  assert.equal(at({ type: "text" }), "input[0].text");
  assert.equal(at({ type: "text", text: "a", text_elements: [{ start: 0, end: 1 }] }),
    "input[0].text_elements[0].start");
  assert.equal(at({ type: "image" }), "input[0].url");
  assert.match(refusal({ type: "image" })[1], /is required \(or uploadId, or fileId\)/);
  assert.equal(at({ type: "image", url: GIF, uploadId: "upl_1" }), "input[0].uploadId");
  for (const detail of ["huge", "low"]) assert.equal(at({ type: "image", url: GIF, detail }), "input[0].detail");
  assert.equal(at({ type: "localImage" }), "input[0].path");
  assert.equal(at({ type: "localImage", path: "" }), "input[0].path");
  assert.equal(at({ type: "localAudio", path: "a\0b" }), "input[0].path");
  assert.equal(at({ type: "audio" }), "input[0].url");
  assert.equal(at({ type: "skill", name: "s" }), "input[0].path");
  assert.equal(at({ type: "mention", name: "", path: "/m" }), "input[0].name");
});

test("a URL that nobody fetches is refused with the way that works", () => {
  for (const url of ["https://example.com/a.png", "HTTP://example.com/a.png"]) {
    const [field, message] = refusal({ type: "image", url });
    assert.equal(field, "input[0].url");
    assert.match(message, /a remote image is not fetched; send a data: URL, .*localImage.*uploadId/);
  }
  assert.match(refusal({ type: "audio", url: "http://x/a.wav" })[1], /a remote audio is not fetched.*localAudio/);
  for (const url of ["file:///a.png", "a.png", " data:image/png;base64,", 7, null]) {
    assert.equal(refusal({ type: "image", url })[0], "input[0].url");
  }
});

test("a data: URL must hold what Codex can read", () => {
  const url = (text: string): string => refusal({ type: "image", url: text })[1];
  const heads = ["data:,", "data:image/gif,", "data:text/plain;base64,", "data:;base64,", "data:image/gif;base64"];
  for (const head of heads) {
    assert.match(url(`${head}R0lGODlh`), /of the form data:image\/…;base64,…/, head);
  }
  assert.match(url(`data:image/gif;${"x".repeat(300)};base64,R0lGODlh`), /of the form/);
  for (const text of ["=", "R0lG\nODlh", "R0lGODl", "R0l=ODlh", "R0lGOD_-", "R0lGOD==="]) {
    assert.match(url(`data:image/gif;base64,${text}`), /base64 with its padding/, text);
  }
  assert.match(url("data:image/gif;base64,"), /holds nothing/);
  assert.match(url("data:image/png;base64,aGk="), /must hold a PNG, JPEG, GIF or WebP/);
  const loud = "DATA:IMAGE/GIF;name=a;BASE64,R0lGODlh";
  assert.equal(taken({ type: "image", url: loud })[0]?.["url"], loud);
  const large = `${GIF}${"A".repeat(12 * 1024 * 1024)}`;
  assert.equal(taken({ type: "image", url: large })[0]?.["url"], large);
  assert.match(url(`${large}!AAA`), /base64/);
});

test("Codex's limit is on all texts together, on both sides of it", () => {
  const half = "x".repeat(LIMITS.inputTextCharsMax / 2);
  const texts = (...all: string[]) => taken(...all.map((text) => ({ type: "text", text })));
  assert.equal(texts(half, half).length, 2);
  assert.throws(() => texts(half, half, "y"), (error) => {
    assert.ok(error instanceof DecodeError);
    assert.match(error.message, new RegExp(`^input: .*got ${LIMITS.inputTextCharsMax + 1}$`));
    return true;
  });
});

test("white space alone is nothing to ask; beside an image or a skill it is", () => {
  for (const prompt of [" ", "\n\t "]) {
    assert.throws(() => inputItems({ sessionId: "s", prompt }), { path: "prompt" });
    assert.throws(() => inputItems({ sessionId: "s", input: prompt }), { path: "input" });
    assert.equal(refusal({ type: "text", text: prompt })[0], "input[0].text");
  }
  const blank = { type: "text", text: "" };
  assert.throws(() => taken(blank, blank), { path: "input" });
  assert.equal(taken(blank, { type: "image", url: GIF }).length, 2);
  assert.equal(taken({ type: "skill", name: "s", path: "/s" }).length, 1);
});

function reader(remote: boolean) {
  const uploads = {
    pathOf: async (sessionId: string, id: string) => (id === "upl_1" ? `/up/${sessionId}/upl_1.png` : null),
  };
  return createInputItems({ uploads, defaultCwd: "/default", remote });
}

test("no file, no waiting; an upload becomes a local image with its path", async () => {
  const read = reader(false);
  const session = makeSession();
  assert.ok(Array.isArray(read({ sessionId: "ses_1", prompt: "hi" }, session)));
  const input = [
    { type: "text", text: "look" }, { type: "image", uploadId: "upl_1", detail: "original" },
    { type: "localImage", uploadId: "upl_1" },
  ];
  assert.deepEqual(await read({ sessionId: "ses_1", input }, session), [
    { type: "text", text: "look" }, { type: "localImage", path: "/up/ses_1/upl_1.png", detail: "original" },
    { type: "localImage", path: "/up/ses_1/upl_1.png" },
  ]);
  const unknown = { sessionId: "ses_1", input: [{ type: "image", uploadId: "upl_2" }] };
  await assert.rejects(async () => read(unknown, session), { name: "DecodeError", path: "input[0].uploadId" });
  const own = { sessionId: "ses_1", input: [{ type: "image", uploadId: "upl_1" }] };
  await assert.rejects(async () => reader(true)(own, session), { path: "input[0].uploadId" });
});

test("files are looked for where the session works, or where its turn will", async (t) => {
  const dir = makeTempDir(t);
  mkdirSync(path.join(dir, "sub"));
  for (const name of ["a.png", "sub/b.wav", "closed.png"]) writeFileSync(path.join(dir, name), "x");
  chmodSync(path.join(dir, "closed.png"), 0);
  const read = async (item: InputItem, cwd?: string): Promise<unknown> => {
    const input = { sessionId: "ses_1", input: [item], cwd };
    return (await reader(false)(input, makeSession({ cwd: dir })))[0]?.["path"];
  };
  const image = (file: string): InputItem => ({ type: "localImage", path: file });
  assert.equal(await read(image("a.png")), path.join(dir, "a.png"));
  assert.equal(await read(image("../a.png"), path.join(dir, "sub")), path.join(dir, "a.png"));
  assert.equal(await read({ type: "localAudio", path: "b.wav" }, path.join(dir, "sub")), path.join(dir, "sub/b.wav"));
  const missing = path.join(dir, "none.png");
  await assert.rejects(read(image("none.png")), (error) => {
    assert.ok(error instanceof DecodeError);
    assert.equal(error.message, 'input[0].path: must be an existing file that can be read '
      + `(${missing}), got "none.png"`);
    return true;
  });
  for (const file of [missing, "sub", path.join(dir, "a.png", "x")]) {
    await assert.rejects(read(image(file)), { path: "input[0].path" }, file);
  }
  if (process.getuid?.() !== 0) await assert.rejects(read(image("closed.png")), { path: "input[0].path" });
});

test("with a remote app-server nothing is looked for, and a relative path is the session's", async () => {
  const read = async (file: string, changes = {}): Promise<unknown> => {
    const input = { sessionId: "ses_1", input: [{ type: "localImage", path: file }] };
    return (await reader(true)(input, makeSession(changes)))[0]?.["path"];
  };
  assert.equal(await read("a.png", { cwd: "/far/away" }), "/far/away/a.png");
  assert.equal(await read("/far/b.png"), "/far/b.png");
  assert.equal(await read("C:\\far\\c.png"), "C:\\far\\c.png");
  const { profile } = makeSession();
  assert.equal(await read("a.png", { cwd: null, profile: { ...profile, cwd: "/asked" } }), "/asked/a.png");
  assert.equal(await read("a.png", { cwd: null }), "/default/a.png");
});
