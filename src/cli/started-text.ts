// What a daemon that has started says of itself: an address, files, and lines to paste.
//
// Pure text. Invariant: what is printed as a line to paste works as pasted in a POSIX shell, whatever the paths hold,
// and no token stands in it.

import type { CodexdConfig } from "../core/config.ts";
import type { StartedService } from "./command.ts";

/** One line, since the pipe stays open and a reader must know where the document ends. */
export function startedJson(
  started: StartedService,
  config: CodexdConfig,
  more: Readonly<Record<string, unknown>> = {},
): string {
  const { tokenPath, curlHeaderPath } = config.paths;
  const open = config.service.auth === "none";
  return `${JSON.stringify({
    service: started.service,
    snapshot: started.snapshot,
    socketPath: config.service.socketPath,
    tokenFile: open ? null : tokenPath,
    headerFile: open ? null : curlHeaderPath,
    ...more,
  })}\n`;
}

export function startedText(started: StartedService, config: CodexdConfig): string {
  const { service, snapshot } = started;
  const base = baseUrl(started, config);
  const { child } = snapshot.daemon;
  const process = child.pid === null ? "" : `, process ${child.pid}`;
  const what = child.endpoint === "stdio://" ? [child.command, ...child.args].join(" ") : child.endpoint;
  return [
    `codexd ${config.version} listens on ${base}\n`,
    `  child   ${child.status}${process}: ${what}\n`,
    `  socket  ${config.service.socketPath ?? "off"}\n`,
    `  token   ${config.service.auth === "none" ? "none needed" : config.paths.tokenPath}\n`,
    `  curl    ${curlLine(base, config)}\n`,
    `  wscat   ${wscatLine(service.eventStreamUrl ?? streamUrl(base, config), config)}\n`,
  ].join("");
}

/** Where it listens. */
export function baseUrl({ service }: StartedService, config: CodexdConfig): string {
  return service.resolvedBaseUrl ?? config.service.localApiBase;
}

function curlLine(base: string, config: CodexdConfig): string {
  return `curl ${curlHeader(config)}${shellWord(`${base}/v1/codexd/status`)}`;
}

/** With a space behind it, or empty. The header comes from a file, so that the token never stands in argv. */
export function curlHeader({ service, paths }: CodexdConfig): string {
  return service.auth === "none" ? "" : `-H ${shellWord(`@${paths.curlHeaderPath}`)} `;
}

/**
 * Over the socket, which takes no token: wscat has no file to read it from, and what stands in its arguments every user
 * of the machine can see. A path that a URL would take apart leaves TCP alone.
 */
function wscatLine(url: string, { service, paths }: CodexdConfig): string {
  const { auth, socketPath } = service;
  if (auth !== "none" && socketPath !== null && /^[A-Za-z0-9_@+=,./-]+$/.test(socketPath)) {
    return `wscat -c ws+unix://${socketPath}:${shellWord(new URL(url).pathname)}`;
  }
  const header = auth === "none" ? "" : ` -H "Authorization: Bearer $(cat ${shellWord(paths.tokenPath)})"`;
  return `wscat -c ${shellWord(url)}${header}`;
}

function streamUrl(base: string, { service }: CodexdConfig): string {
  return base.replace(/^http/, "ws") + service.eventStreamPath;
}

/** As it is where every shell leaves it alone, else in single quotes. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
