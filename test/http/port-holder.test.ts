// The holder of a port by name: this very process, and nobody where the system does not tell.
//
// The tables of a made-up system stand in a directory of the test's.

import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { test } from "node:test";
import { portHolder } from "../../src/http/port-holder.ts";
import { makeTempDir } from "../support/temp-dir.ts";

test("a port that this process listens on is its own", { skip: process.platform !== "linux" }, async (t) => {
  const server = createServer();
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const holder = portHolder((server.address() as AddressInfo).port) ?? "";
  assert.ok(holder.startsWith(`process ${process.pid} (`), holder);
  assert.match(holder, /node/);
});

test("by the tables: the listening socket of that port, and a command without secrets", (t) => {
  const proc = makeTempDir(t);
  mkdirSync(path.join(proc, "net"));
  const row = (address: string, state: string, inode: number): string =>
    `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0 100\n`;
  const tables = [row("0100007F:10DF", "01", 11), row("0100007F:10E0", "0A", 12), row("0100007F:10DF", "0A", 13)];
  writeFileSync(path.join(proc, "net", "tcp"), `  sl  local_address rem_address   st\n${tables.join("")}`);
  for (const [pid, inode] of [["7", 12], ["8", 13]] as const) {
    mkdirSync(path.join(proc, pid, "fd"), { recursive: true });
    symlinkSync("/dev/null", path.join(proc, pid, "fd", "0"));
    symlinkSync(`socket:[${inode}]`, path.join(proc, pid, "fd", "3"));
    writeFileSync(path.join(proc, pid, "cmdline"), `server\0--key\0sk-${"a".repeat(40)}\0${"x".repeat(300)}\0`);
  }
  mkdirSync(path.join(proc, "9"));
  const holder = portHolder(0x10df, proc) ?? "";
  assert.match(holder, /^process 8 \(server --key /);
  assert.doesNotMatch(holder, /sk-aaaa/);
  assert.ok(holder.length < 250, holder);
  assert.equal(portHolder(1, proc), null);
  assert.equal(portHolder(0x10df, path.join(proc, "nowhere")), null);
});

test("a listener whose process may not be looked into is nobody", (t) => {
  const proc = makeTempDir(t);
  mkdirSync(path.join(proc, "net"));
  writeFileSync(path.join(proc, "net", "tcp6"), "0: 0:0001 0:0000 0A 0:0 0:0 0 0 0 99 1\n");
  assert.equal(portHolder(1, proc), null);
});
