// The README's echo as printed, before conformance cases of each kind: it is what a reader starts from.
// Not all of them: the example's echo has those (ws-conformance-socket.test.ts).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import type { AddressInfo, Server } from "node:net";
import { test } from "node:test";
import * as framer from "../../src/framer.ts";
import { REPOSITORY } from "../support/codex-install.ts";
import { CLOSE_CASES } from "../support/ws-cases-close.ts";
import { FRAME_CASES } from "../support/ws-cases-frames.ts";
import { dial, judgeCase, judgeLateReader, judgeLeaving } from "../support/ws-fuzz.ts";

test("the README's echo conforms", async () => {
  const readme = readFileSync(path.join(REPOSITORY, "README.md"), "utf8");
  const block = /^```js\n([\s\S]*?)^```$/m.exec(readme)?.[1] ?? "";
  const body = block.replace(/^import .*\n/gm, "").replace("9001", "0").trimEnd().replace(/;$/, "");
  const names = Object.keys(framer);
  const make = new Function("createServer", ...names, `return ${body.trim()};`) as (...values: unknown[]) => Server;
  const server = make(createServer, ...Object.values(framer));
  await new Promise((resolve) => server.on("listening", resolve));
  const { port } = server.address() as AddressInfo;
  for (const wsCase of [...FRAME_CASES, ...CLOSE_CASES].filter((_, i) => i % 4 === 0)) {
    await judgeCase(await dial(port), "server", wsCase);
  }
  await assert.rejects(dial(port, "Sec-WebSocket-Version: 12"), /HTTP\/1\.1 426/);
  await judgeLateReader(server, port);
  await judgeLeaving(server, port);
});
