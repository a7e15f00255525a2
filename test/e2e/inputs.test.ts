// Input items on the real Codex: what of them reaches the model, and what codexd refuses in its place.
//
// The rules by which items are refused are tested with the service; here is why they are there.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import type { UploadRecord } from "../../src/core/requests.ts";
import type { Daemon, Refusal } from "../support/daemon.ts";
import { createSession, prepareRealCodex, type RealCodex } from "../support/real-codex.ts";

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const URL_OF_PNG = `data:image/png;base64,${PNG}`;

describe("input items on the real Codex", () => {
  let real: RealCodex;
  let daemon: Daemon;
  let session: SessionRecord;

  before(async () => {
    real = await prepareRealCodex("inputs");
    daemon = await real.start();
    session = await createSession(daemon);
    writeFileSync(path.join(real.workDir, "a.png"), Buffer.from(PNG, "base64"));
  });
  after(() => real.remove());

  const turnOn = (input: unknown) =>
    daemon.post<{ turn: TurnRecord } & Refusal>("/v1/codexd/turn", {
      sessionId: session.sessionId, input, waitMs: 60_000,
    });

  /** The images of the last message that the model was sent. */
  const imagesSeen = (): unknown[] => {
    const input = real.mock.requests.at(-1)?.["input"] as Array<{ role?: string; content?: unknown }>;
    const content = input.filter(({ role }) => role === "user").at(-1)?.content;
    const parts = content as Array<{ type: string; image_url?: string }>;
    return parts.filter(({ type }) => type === "input_image").map(({ image_url }) => image_url);
  };

  test("an image reaches the model as an upload, by a path of the session's, and inline [trap 3.1.2]", async () => {
    const body = { sessionId: session.sessionId, data: PNG };
    const { data: { upload } } = await daemon.post<{ upload: UploadRecord }>("/v1/codexd/uploads", body);
    const items = [
      { type: "image", uploadId: upload.uploadId }, { type: "localImage", path: "a.png" },
      { type: "image", url: URL_OF_PNG },
    ];
    for (const item of items) {
      const { status, data } = await turnOn([{ type: "text", text: "TEXT=seen;" }, item]);
      assert.deepEqual([status, data.turn.status], [200, "completed"], JSON.stringify(data));
      assert.deepEqual(imagesSeen(), [URL_OF_PNG], JSON.stringify(item));
    }
  });

  test("what Codex would drop, or tell the model alone, is refused before it [trap 3.1.1, 3.1.2, 3.1.3]", async () => {
    const asked = real.mock.requests.length;
    const refused: ReadonlyArray<readonly [string, unknown]> = [
      ["input[0].url", [{ type: "image", url: "https://example.com/a.png" }]],
      ["input[0].url", [{ type: "image", url: "data:image/svg+xml;base64,PHN2Zy8+" }]],
      ["input[0].path", [{ type: "localImage", path: "none.png" }]],
      ["input[0].textElements", [{ type: "text", text: "a", textElements: [] }]],
      ["input", []],
      ["input", ""],
      ["input[0].text", [{ type: "text", text: " " }]],
      ["input", [{ type: "text", text: "x".repeat(600_000) }, { type: "text", text: "x".repeat(600_000) }]],
    ];
    for (const [field, input] of refused) {
      const { status, data } = await turnOn(input);
      assert.deepEqual([status, data.error, data.detail?.["field"]], [400, "bad_request", field]);
    }
    const unknown = await turnOn([{ type: "hologram" }]);
    assert.deepEqual([unknown.status, unknown.data.error], [502, "app_server_error"]);
    assert.match(unknown.data.message, /unknown variant `hologram`/);
    assert.equal(real.mock.requests.length, asked);
  });
});
