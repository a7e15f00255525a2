// The command's limits: how long it may run, and how much of what it prints is kept.
// Real processes: nothing else shows that a group has ended.

import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { startCommand } from "../../src/agent/command.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const PLACE = { cwd: "/", env: process.env } as const;

test("it is ended when its time is over, with all of its group", async () => {
  const clock = createFakeClock();
  let up = (): void => undefined;
  const printed = new Promise<void>((resolve) => (up = resolve));
  const line = ["sh", "-c", "echo up; sleep 60 & wait"] as const;
  const running = startCommand({ ...PLACE, clock, line, onOutput: () => up() });
  await printed;
  await clock.advance(LIMITS.agentCommandMs - 1);
  process.kill(running.pid ?? 0, 0);
  await clock.advance(1);
  const { exitCode, output, durationMs } = await running.ended;
  assert.deepEqual([exitCode, output, durationMs], [137, "up\n", LIMITS.agentCommandMs]);
  assert.deepEqual(clock.dueInMs, []);
  running.kill();
});

test("output is kept up to the limit, and not beyond", async () => {
  for (const more of [0, 1]) {
    const chars = LIMITS.agentCommandCharsMax + more;
    const told: string[] = [];
    const { ended } = startCommand({
      ...PLACE, clock: systemClock, line: ["sh", "-c", `head -c ${chars} /dev/zero | tr '\\0' x; printf ""`],
      onOutput: (text) => void told.push(text),
    });
    const { output } = await ended;
    assert.equal(output.length, LIMITS.agentCommandCharsMax);
    assert.equal(told.join(""), output);
  }
});
