// Whose a process is, and what becomes of it: the living child's, an earlier one's, a new turn's, nobody's.
// The processes are a double's, which answers as a search over real ones does (process-tree.test.ts).

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLeftovers, type EndOfThread } from "../../src/child/leftovers.ts";
import type { ProcessEntry, ProcessQuery, ProcessTree } from "../../src/child/process-tree.ts";
import type { Spawner } from "../../src/child/spawner.ts";
import { createFakeSpawner } from "../support/fake-child.ts";
import { heldClock } from "../support/service-rig.ts";

const THREAD = "01a20386-1d83-73e1-b032-0eef13a44d37";
/** The first pid of a fake spawner's. */
const CHILD = 1001;
const OPTIONS = { cwd: "/work", env: {} };

const entry = (pid: number, startTime = pid): ProcessEntry =>
  ({ pid, startTime, parentPid: 1, groupId: pid, sessionId: pid });

/** Living processes that a search for marks finds (`marked`), or that lie below the child (`below`). */
function setUp({ marked = [] as ProcessEntry[], below = [] as ProcessEntry[] } = {}) {
  const child = entry(CHILD, 500);
  const living = new Map([child, ...marked, ...below].map((one) => [one.pid, one]));
  const queries: ProcessQuery[] = [];
  const killed: number[] = [];
  const processes: ProcessTree = {
    identify: (pid) => living.get(pid),
    isAlive: ({ pid, startTime }) => living.get(pid)?.startTime === startTime,
    async find(query) {
      queries.push(query);
      const found = query.root === undefined ? marked : [child, ...below];
      return found.filter(({ pid, startTime }) => living.get(pid)?.startTime === startTime);
    },
    describe: ({ pid }) => `command ${pid}`,
    signal: ({ pid }) => killed.push(pid) > 0 && living.delete(pid),
    signalGroup: () => assert.fail("no group is known here"),
  };
  const leftovers = createLeftovers({ processes, clock: heldClock, daemonId: "daemon-1" });
  const spawner: Spawner = leftovers.watch(createFakeSpawner());
  return { leftovers, spawner, living, marked, killed, queries };
}

/** How a thread is ended, and how often Codex was asked. */
function how(ask: () => void = () => undefined, isIdle = () => true): EndOfThread & { asked: number } {
  const result = {
    asked: 0,
    async ask() {
      result.asked += 1;
      ask();
    },
    isIdle,
  };
  return result;
}

test("the commands of a thread are looked for below the child, and beyond it with codexd's own mark", async () => {
  const { leftovers, spawner, queries, killed } = setUp({ marked: [entry(601), entry(602)] });
  spawner.spawn("codex", [], OPTIONS);
  const asking = how();
  const report = await leftovers.endThread(THREAD, asking);
  assert.deepEqual(queries[0], {
    marks: [`CODEX_THREAD_ID=${THREAD}`], descendantsOf: entry(CHILD, 500), strayMark: "BAA_CODEXD_DAEMON_ID=daemon-1",
  });
  assert.deepEqual(report, {
    stopped: [601, 602].map((pid) => ({ pid, command: `command ${pid}`, signal: "SIGKILL" })), survived: [],
  });
  assert.deepEqual([killed, asking.asked], [[601, 602], 1]);
});

test("what Codex has ended when it was asked is told first, and is not signalled", async () => {
  const { leftovers, living, killed } = setUp({ marked: [entry(602), entry(601)] });
  const report = await leftovers.endThread(THREAD, how(() => void living.delete(601)));
  assert.deepEqual([report.stopped.map(({ pid }) => pid), killed], [[601, 602], [602]]);
});

test("the child itself is never found", async () => {
  const { leftovers, spawner, killed } = setUp({ marked: [entry(CHILD, 500), entry(601)] });
  spawner.spawn("codex", [], OPTIONS);
  const report = await leftovers.endThread(THREAD, how());
  assert.deepEqual([report.stopped.map(({ pid }) => pid), killed], [[601], [601]]);
});

test("a turn that begins meanwhile keeps its commands, and what was known before ends", async () => {
  const { leftovers, living, marked, killed } = setUp({ marked: [entry(601)] });
  let idle = true;
  const report = await leftovers.endThread(THREAD, how(() => {
    idle = false;
    marked.push(entry(700));
    living.set(700, entry(700));
  }, () => idle));
  assert.deepEqual([report.stopped.map(({ pid }) => pid), killed], [[601], [601]]);
});

test("what was seen before is told when it went with its turn, and ended when it did not", async () => {
  const { leftovers, living, killed } = setUp({ marked: [entry(601), entry(602)] });
  const seen = await leftovers.ofThread(THREAD);
  assert.deepEqual(seen.map(({ pid, command }) => [pid, command]), [[601, "command 601"], [602, "command 602"]]);
  living.delete(601);
  const report = await leftovers.endThread(THREAD, { ...how(undefined, () => false), seen });
  assert.deepEqual([report.stopped.map(({ pid }) => pid), killed], [[601, 602], [602]]);
});

test("Codex is not asked when the thread has a turn already, and what is no thread's id marks nothing", async () => {
  const { leftovers, killed, queries } = setUp({ marked: [entry(601)] });
  const busy = how(undefined, () => false);
  assert.deepEqual(await leftovers.endThread(THREAD, busy), { stopped: [], survived: [] });
  const looked = queries.length;
  assert.deepEqual(await leftovers.endThread("no thread", how()), { stopped: [], survived: [] });
  assert.deepEqual([busy.asked, killed, queries.length], [0, [], looked]);
});

test("strays are what is older than the living child; without one, all that carries codexd's mark", async () => {
  const marked = [entry(90, 499), entry(91, 500), entry(CHILD, 500), entry(601)];
  const one = setUp({ marked });
  one.spawner.spawn("codex", [], OPTIONS);
  assert.deepEqual((await one.leftovers.endStrays()).stopped.map(({ pid }) => pid), [90]);
  assert.deepEqual(one.queries[0], { marks: ["BAA_CODEXD_DAEMON_ID=daemon-1"] });
  one.living.delete(CHILD);
  assert.deepEqual((await one.leftovers.endStrays()).stopped.map(({ pid }) => pid), [91, 601]);
});

test("what a stray has started is a stray too, however young it is", async () => {
  const below = (pid: number, parentPid: number): ProcessEntry => ({ ...entry(pid), parentPid });
  const marked = [entry(90, 499), below(700, 90), below(701, 700), below(702, CHILD)];
  const { leftovers, spawner } = setUp({ marked });
  spawner.spawn("codex", [], OPTIONS);
  assert.deepEqual((await leftovers.endStrays()).stopped.map(({ pid }) => pid), [90, 700, 701]);
});

test("what was known to lie below a child is ended when it has outlived it, without any mark", async () => {
  const { leftovers, spawner, living, killed } = setUp({ marked: [entry(603)], below: [entry(601), entry(602)] });
  assert.deepEqual(await leftovers.belowChild(), [], "there is no child");
  spawner.spawn("codex", [], OPTIONS);
  const below = await leftovers.belowChild();
  assert.deepEqual(below.map(({ pid }) => pid), [601, 602]);
  living.delete(CHILD);
  living.set(602, entry(602, 9999));
  const report = await leftovers.endStrays([...below, entry(603)]);
  assert.deepEqual([report.stopped.map(({ pid }) => pid), killed], [[601, 603], [601, 603]], "602 is another's by now");
});
