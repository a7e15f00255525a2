// Who listens on a TCP port of this machine, as far as the system tells: for the message that the port is taken.
//
// Linux only, and only processes that one may look into; anywhere else nobody is named. Reads /proc and changes
// nothing. Invariant: what cannot be read is no error, because the message stands without it.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { redact } from "../core/redact.ts";

const COMMAND_CHARS_MAX = 200;
/** The state of a listening socket in /proc/net/tcp. */
const LISTEN = "0A";

/** As `process 4711 (node server.js)`; null where it cannot be told. */
export function portHolder(port: number, proc = "/proc"): string | null {
  const inodes = new Set(["tcp", "tcp6"].flatMap((file) => listeningInodes(readText(`${proc}/net/${file}`), port)));
  if (inodes.size === 0) return null;
  for (const pid of list(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    const fds = list(`${proc}/${pid}/fd`);
    if (!fds.some((fd) => inodes.has(readLink(`${proc}/${pid}/fd/${fd}`)))) continue;
    const command = readText(`${proc}/${pid}/cmdline`).split("\0").join(" ").trim();
    return `process ${pid} (${redact(command).slice(0, COMMAND_CHARS_MAX)})`;
  }
  return null;
}

/** The links of descriptors that listen on the port: `socket:[inode]`. */
function listeningInodes(table: string, port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table.split("\n").flatMap((line) => {
    const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
    return local.endsWith(wanted) && state === LISTEN ? [`socket:[${inode}]`] : [];
  });
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // Gone meanwhile, somebody else's, or no such system.
    return [];
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // As above.
    return "";
  }
}

function readLink(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    // As above.
    return "";
  }
}
