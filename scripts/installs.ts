// What the end-to-end tests run on and no package.json names: versions of Codex and of Node, and foreign clients.
//
// Each lies in a folder of its own below `.cache`, put there by npm when it is missing. Invariant: what is there in the
// wanted version is not asked for again, so that a second run needs no network.

import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { CLIENTS_PREFIX, codexPrefix, installedVersion } from "../test/support/codex-install.ts";
import { ROOT } from "./dist.ts";
import { run } from "./run.ts";

const CLIENTS = { wscat: "6.1.0", ws: "8.23.0" } as const;

/** The WebSocket clients that are not ours, so that both ends of the wire are not read by the same code. */
export function installClients(): void {
  install(CLIENTS_PREFIX, CLIENTS);
}

export function installCodex(version: string): void {
  install(codexPrefix(version), { "@openai/codex": version });
}

export interface InstalledNode {
  readonly program: string;
  readonly version: string;
}

/** The newest Node of a line, such as `22`, that npm's registry had when it was installed. */
export function installNode(line: string): InstalledNode {
  const prefix = path.join(ROOT, ".cache", `node-${line}`);
  const program = path.join(prefix, "node_modules", "node", "bin", "node");
  if (!existsSync(program)) npmInstall(prefix, [`node@${line}`]);
  const version = installedVersion(prefix, "node");
  if (version === null || !existsSync(program)) throw new Error(`npm's package node@${line} holds no ${program}`);
  return { program, version };
}

function install(prefix: string, packages: Readonly<Record<string, string>>): void {
  const wanted = Object.entries(packages);
  if (wanted.every(([name, version]) => installedVersion(prefix, name) === version)) return;
  npmInstall(prefix, wanted.map(([name, version]) => `${name}@${version}`));
}

function npmInstall(prefix: string, names: readonly string[]): void {
  mkdirSync(prefix, { recursive: true });
  process.stderr.write(`installing ${names.join(" ")}\n`);
  run("npm", ["install", "--no-save", "--no-package-lock", "--prefix", prefix, ...names], { cwd: ROOT, quiet: true });
}
