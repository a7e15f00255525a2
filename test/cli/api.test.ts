// api: which request the arguments make, and that the reply is printed as it came.
//
// The daemon is a double on a socket that keeps what it was asked.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";
import { runCodexdCli } from "../../src/cli/run.ts";
import { answerJson, makeStateDir, startFakeDaemon, type Answer } from "../support/cli-daemon.ts";
import { createFakeIo, createParts, type FakeIoOptions } from "../support/cli-io.ts";

const OK: Answer = (_, response) => answerJson(response, 200, { ok: true, data: {} });

async function daemonIn(t: TestContext, answer: Answer = OK) {
  const stateDir = makeStateDir(t);
  const daemon = await startFakeDaemon(t, path.join(stateDir, "codexd.sock"), answer);
  const api = async (argv: readonly string[], options: FakeIoOptions = {}) => {
    const io = createFakeIo({ cwd: stateDir, ...options });
    const code = await runCodexdCli(["api", "--state-dir", stateDir, ...argv], io, createParts());
    const { method, url, body, headers } = daemon.seen.at(-1) ?? {};
    return { code, out: io.out(), err: io.err(), method, url, body, headers };
  };
  return { stateDir, daemon, api };
}

describe("the request", () => {
  test("is GET without a body, POST with one, or what is asked for", async (t) => {
    const { api } = await daemonIn(t);
    const made = async (...argv: string[]) => {
      const { code, method, url, body, headers } = await api(argv);
      assert.equal(code, 0, argv.join(" "));
      return [method, url, body, headers?.["content-type"]];
    };
    assert.deepEqual(await made("/x?y=1"), ["GET", "/x?y=1", "", undefined]);
    assert.deepEqual(await made("post", "/x"), ["POST", "/x", "", undefined]);
    assert.deepEqual(await made("/x", "-f", "a=b"), ["POST", "/x", '{"a":"b"}', "application/json"]);
    assert.deepEqual(await made("PUT", "/x", "-d", "[1]"), ["PUT", "/x", "[1]", "application/json"]);
    assert.deepEqual(await made("/x", "-d", ""), ["POST", "/x", "", "application/json"]);
  });

  test("-f is always a string, -F is JSON where it can be", async (t) => {
    const { api, stateDir } = await daemonIn(t);
    writeFileSync(path.join(stateDir, "note.txt"), "3 lines\n");
    const { body } = await api([
      "/x", "-f", "a=3", "-f", "b=", "-f", "c=d=e", "-f", "f=@g", "-F", "h=3", "-F", "i=true", "-F", "j=null",
      "-F", 'k={"l":[1]}', "-F", "m=word", "-F", "n=@note.txt", "-F", "o=@-", "-f", "__proto__=p",
    ], { stdin: "from stdin" });
    assert.equal(body, '{"a":"3","b":"","c":"d=e","f":"@g","h":3,"i":true,"j":null,"k":{"l":[1]},"m":"word",' +
      '"n":"3 lines\\n","o":"from stdin","__proto__":"p"}');
  });

  test("-d is the body as it is, from a file or standard input too", async (t) => {
    const { api, stateDir } = await daemonIn(t);
    writeFileSync(path.join(stateDir, "body.json"), '{ "a": 1 }\n');
    assert.equal((await api(["/x", "-d", "{not json"])).body, "{not json");
    assert.equal((await api(["/x", "-d", "@body.json"])).body, '{ "a": 1 }\n');
    assert.equal((await api(["/x", "-d", `@${stateDir}/body.json`], { cwd: "/" })).body, '{ "a": 1 }\n');
    assert.equal((await api(["/x", "-d", "@-"], { stdin: "{}" })).body, "{}");
  });

  test("fields of a GET go into the query", async (t) => {
    const { api } = await daemonIn(t);
    assert.equal((await api(["GET", "/x", "-f", "a=b c", "-F", "d=3"])).url, "/x?a=b+c&d=3");
    assert.equal((await api(["GET", "/x?y=1", "-f", "a=&"])).url, "/x?y=1&a=%26");
    assert.equal((await api(["HEAD", "/x", "-f", "a=b"])).url, "/x?a=b");
  });

  test("that cannot be made is 64, and nothing is asked", async (t) => {
    const { api, daemon } = await daemonIn(t);
    const cases: ReadonlyArray<readonly [readonly string[], RegExp]> = [
      [["status"], /PATH starts with \/, such as \/v1\/codexd\/status, got "status"/],
      [["/x", "GET"], /PATH starts with \/.* got "GET"/],
      [["/y", "/x"], /METHOD is a word such as POST, got "\/y"/],
      [["/x", "-f", "a"], /a field is KEY=VALUE, got "a"/],
      [["/x", "-f", "=b"], /a field is KEY=VALUE, got "=b"/],
      [["/x", "-f", "a=1", "-F", "a=2"], /the field "a" is given twice/],
      [["/x", "-f", "a=1", "-d", "{}"], /-d is the whole body/],
      [["GET", "/x", "-d", "{}"], /GET takes no body/],
      [["/x", "-d", "@missing.json"], /@missing\.json cannot be read/],
    ];
    for (const [argv, message] of cases) {
      const { code, out, err } = await api(argv);
      assert.deepEqual([code, out], [64, ""], argv.join(" "));
      assert.match(err, message);
    }
    assert.deepEqual(daemon.seen, []);
  });
});

describe("the reply", () => {
  test("is printed as it came, an error with exit code 1", async (t) => {
    const { api } = await daemonIn(t, ({ url }, response) => {
      if (url === "/text") response.end("plain é");
      else answerJson(response, 404, { ok: false, error: "not_found", message: "No." });
    });
    const plain = await api(["/text"]);
    assert.deepEqual([plain.code, plain.out, plain.err], [0, "plain é", ""]);
    const missing = await api(["/y"]);
    assert.deepEqual([missing.code, missing.err], [1, ""]);
    assert.equal(missing.out, '{\n  "ok": false,\n  "error": "not_found",\n  "message": "No."\n}\n');
  });

  test("comes through while it is written, characters whole", async (t) => {
    const printed: string[] = [];
    const bytes = Buffer.from("é\n");
    const { api } = await daemonIn(t, (_, response) => {
      response.write(bytes.subarray(0, 1));
      response.write("");
      setImmediate(() => response.end(bytes.subarray(1)));
    });
    const { out } = await api(["/x"], { onStdout: (text) => printed.push(text) });
    assert.equal(out, "é\n");
    assert.ok(!printed.join("").includes("\ufffd"));
  });

  test("that breaks off is 1, after what came", async (t) => {
    const { api } = await daemonIn(t, (_, response) => {
      response.write("half", () => response.destroy());
    });
    const { code, out, err } = await api(["/x"]);
    assert.deepEqual([code, out], [1, "half"]);
    assert.match(err, /^codexd: the reply broke off: /);
  });

  test("needs a daemon: 3", async (t) => {
    const io = createFakeIo();
    assert.equal(await runCodexdCli(["api", "/x", "--state-dir", makeStateDir(t)], io, createParts()), 3);
  });
});
