// What each kind of option takes and refuses, as tables of values.
//
// Every refusal must name the label it was given and what the option takes.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DecodeError } from "../src/base/decode.ts";
import * as values from "../src/config-values.ts";

const PLATFORM = { cwd: "/home/ada/repo", homeDir: "/home/ada", hostName: "engine" };

function takes<T>(parse: values.OptionParser<T>, cases: ReadonlyArray<readonly [unknown, T]>): void {
  for (const [given, expected] of cases) {
    assert.deepEqual(parse(given, "--x", PLATFORM), expected, JSON.stringify(given));
  }
}

function refuses<T>(parse: values.OptionParser<T>, cases: readonly unknown[], message: RegExp): void {
  for (const given of cases) {
    assert.throws(() => parse(given, "--x", PLATFORM), (error) => {
      assert.ok(error instanceof DecodeError, String(error));
      assert.match(error.message, /^--x: /);
      assert.match(error.message, message, JSON.stringify(given));
      return true;
    });
  }
}

describe("words, names and numbers", () => {
  test("a word is one of the list, exactly", () => {
    takes(values.wordOf(["a", "b"]), [["b", "b"]]);
    refuses(values.wordOf(["a", "b"]), ["c", "A", "", 1, null], /must be one of a, b, got /);
  });

  test("a name is one printable line", () => {
    takes(values.name, [["node 1", "node 1"], ["x".repeat(200), "x".repeat(200)]]);
    refuses(values.name, ["", " ", "a\nb", "x".repeat(201), 4], /a name of 1 to 200 printable characters/);
  });

  test("a whole number as number or digits, both ends included", () => {
    takes(values.wholeNumber(1, 9), [[1, 1], ["9", 9], ["007", 7]]);
    refuses(values.wholeNumber(1, 9), [0, 10, "0", "10", "1.5", 1.5, "-1", "", "0x1", " 1", "1e0", true],
      /a whole number from 1 to 9, got /);
  });

  test("milliseconds end where Node's timers do", () => {
    takes(values.milliseconds, [["1", 1], ["2147483647", 2_147_483_647]]);
    refuses(values.milliseconds, ["0", "2147483648"], /from 1 to 2147483647/);
  });
});

describe("sizes", () => {
  test("bytes and units, powers of 1000 and of 1024 apart", () => {
    takes(values.size, [
      ["0", 0], [12, 12], ["12B", 12], ["100kB", 100_000], ["100KB", 100_000], ["1KiB", 1024], ["512MiB", 2 ** 29],
      ["1GiB", 2 ** 30], ["1 GiB", 2 ** 30], ["1gib", 2 ** 30], ["1.5GiB", 1.5 * 2 ** 30], ["2GB", 2e9],
      ["1TiB", 2 ** 40], ["3MB", 3e6], ["1TB", 1e12], ["0.3B", 0],
    ]);
  });

  test("anything else says which units there are", () => {
    const bad = ["", "GiB", "1G", "1M", "-1", "1e9", "1,5GiB", "1  GiB", "9e15TiB", "9007199254740993"];
    refuses(values.size, [...bad, -1, 1.5e300, null], /B, kB, MB, GB, TB, KiB, MiB, GiB, TiB/);
  });

  test("off is null where an option can be off, and is offered in the message", () => {
    takes(values.orOff(values.size), [["off", null], ["1", 1]]);
    refuses(values.orOff(values.size), ["none", "OFF", ""], /\(or off\)$/);
  });

  test("what is not a refusal passes through", () => {
    const broken = values.orOff(() => {
      throw new TypeError("a bug");
    });
    assert.throws(() => broken("1", "--x", PLATFORM), TypeError);
  });
});

describe("paths and commands", () => {
  test("paths become absolute, from the current directory or the home", () => {
    takes(values.filePath, [
      ["/a/../b", "/b"], ["x", "/home/ada/repo/x"], ["../x", "/home/ada/x"], ["~/x", "/home/ada/x"], ["~", "/home/ada"],
      ["~ada", "/home/ada/repo/~ada"],
    ]);
    refuses(values.filePath, ["", "a\0b", 1], /must be a path/);
  });

  test("a command stays a name unless it has a slash", () => {
    takes(values.command, [["codex", "codex"], ["./codex", "/home/ada/repo/codex"], ["/bin/codex", "/bin/codex"]]);
    refuses(values.command, ["", " ", "a\0", 1], /the name or path of a program/);
  });

  test("arguments are strings, as an array or as JSON", () => {
    takes(values.commandArgs, [[["a", ""], ["a", ""]], ['["a","-c"]', ["a", "-c"]], ["[]", []]]);
    refuses(values.commandArgs, ["a", "[1]", "{}", "", [1], ["a\0"], 1], /a JSON array of strings/);
  });

  test("a URL's path is plain", () => {
    takes(values.urlPath, [["/v1/codexd/events", "/v1/codexd/events"], ["/a.b~c_d-e", "/a.b~c_d-e"]]);
    refuses(values.urlPath,
      ["", "/", "v1", "/a?b", "/a#b", "//a", "/a/", "/a b", "/a%20", "/../a", "/a/..", "/./a", "http://a/", 1],
      /starts with \/ and has no query/);
    takes(values.urlPath, [["/..a/b..", "/..a/b.."]]);
  });
});

describe("the HTTP base", () => {
  test("loopback hosts, with a port or without", () => {
    takes(values.loopbackBase, [
      ["http://127.0.0.1:4319", "http://127.0.0.1:4319"], ["http://127.0.0.1:4319/", "http://127.0.0.1:4319"],
      ["http://[::1]:0", "http://[::1]:0"], ["HTTP://LocalHost:65535", "http://localhost:65535"],
      ["http://localhost", "http://localhost"], ["http://127.0.0.1:00080", "http://127.0.0.1:80"],
    ]);
  });

  const refused: ReadonlyArray<readonly [string, RegExp, readonly unknown[]]> = [
    ["what is no http:// URL", /an absolute http:\/\/ URL/,
      ["", "127.0.0.1:4319", "/v1", "https://127.0.0.1:1", "ws://127.0.0.1:1", "http:127.0.0.1", " http://[::1]", 1]],
    ["a host that is not loopback", /on a loopback host/,
      ["http://0.0.0.0:1", "http://10.0.0.1", "http://example.test", "http://127.0.0.2", "http://2130706433",
        "http://127.1", "http://127.0.0.1.nip.test", "http://localhost.", "http://[::]", "http://[::2]:1", "http://",
        "http://:80", "http://127.0.0.1\t", "http://１２７.0.0.1"]],
    ["a path", /without a path/, ["http://127.0.0.1:1/v1", "http://127.0.0.1//"]],
    ["a query", /without a query/, ["http://127.0.0.1:1?a=b", "http://127.0.0.1:1/?"]],
    ["a fragment", /without a fragment/, ["http://127.0.0.1:1#a", "http://127.0.0.1:1/#"]],
    ["a user", /without a user name or password/, ["http://a@127.0.0.1:1", "http://a:b@127.0.0.1", "http://@[::1]"]],
    ["a bad port", /a port from 0 to 65535/, ["http://127.0.0.1:65536", "http://127.0.0.1:", "http://127.0.0.1:1a",
      "http://127.0.0.1:-1", "http://::1", "http://127.0.0.1:123456"]],
  ];
  for (const [name, message, cases] of refused) {
    test(`${name} is refused with a message of its own`, () => refuses(values.loopbackBase, cases, message));
  }

  test("a password is not repeated in the message", () => {
    assert.throws(() => values.loopbackBase("http://a:secret@127.0.0.1:1", "--x", PLATFORM), (error) => {
      assert.ok(error instanceof Error && !error.message.includes("secret"));
      return true;
    });
  });
});

describe("the child's endpoint", () => {
  test("stdio, WebSocket over any of four schemes, and a socket's path", () => {
    const good = ["stdio://", "ws://h:1/p?q=1", "wss://h", "http://127.0.0.1:9", "https://h/", "unix:///run/x.sock"];
    takes(values.endpoint, good.map((one) => [one, one] as const));
  });

  test("other schemes, and what is no URL", () => {
    refuses(values.endpoint, ["", "stdio", "ftp://h", "ws:h", "ws://", "h:1", "unix://", "unix://h/p", "unix:///", 1],
      /stdio:\/\/, a ws:\/\//);
  });

  test("credentials are refused and not repeated", () => {
    refuses(values.endpoint, ["ws://a@h", "ws://a:b@h", "ws://:b@h"], /^--x: must be without a user name or password/);
  });
});
