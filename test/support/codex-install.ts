// The real Codex and the independent clients of the end-to-end tests: where they lie, and a home for Codex.
//
// Which version of Codex is meant stands in `E2E_CODEX_VERSION`, so that the same tests run on each of them.
// Installs nothing (scripts/installs.ts does). Everything is below `.cache` in the repository, never in the system's
// temporary directory, where Codex refuses to have its home without a warning.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
/** The versions that codexd works the same with, the newest first: it is the one that is tested by default. */
export const CODEX_VERSIONS = ["0.169.0", "0.116.0"] as const;
/** The version that the tests of this process drive. */
export const CODEX_VERSION = process.env["E2E_CODEX_VERSION"] ?? CODEX_VERSIONS[0];
export const CODEX_PREFIX = codexPrefix(CODEX_VERSION);
export const CLIENTS_PREFIX = path.join(REPOSITORY, ".cache", "clients");

/** Where a version of Codex lies. */
export function codexPrefix(version: string): string {
  return path.join(REPOSITORY, ".cache", version === CODEX_VERSIONS[0] ? "codex" : `codex-${version}`);
}

/** The version of a package that is installed below `prefix`, or null. */
export function installedVersion(prefix: string, name: string): string | null {
  const file = path.join(prefix, "node_modules", name, "package.json");
  if (!existsSync(file)) return null;
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/**
 * The Codex that the tests drive: `CODEX_BIN`, else the native program of the installed package (its wrapper would be
 * one more process, which on Node 20 does not pass a SIGKILL on), else that wrapper.
 *
 * @throws when there is none.
 */
export function codexBinary(): string {
  const given = process.env["CODEX_BIN"];
  if (given !== undefined && given !== "") return given;
  const modules = path.join(CODEX_PREFIX, "node_modules");
  const vendor = path.join(modules, "@openai", `codex-${process.platform}-${process.arch}`, "vendor");
  for (const target of existsSync(vendor) ? readdirSync(vendor) : []) {
    // The second is where 0.116 and its like have it.
    for (const place of [path.join("bin", "codex"), path.join("codex", "codex")]) {
      const native = path.join(vendor, target, place);
      if (existsSync(native)) return native;
    }
  }
  const wrapper = path.join(modules, ".bin", "codex");
  if (existsSync(wrapper)) return wrapper;
  throw new Error(`no Codex below ${CODEX_PREFIX}: run \`npm run e2e\` once, or set CODEX_BIN`);
}

/** A new directory below `.cache/e2e`, which the caller removes. */
export function makeWorkDir(prefix: string): string {
  const parent = path.join(REPOSITORY, ".cache", "e2e");
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(path.join(parent, `${prefix}-`));
}

/**
 * The environment of a Codex that has its home in `dir`. It starts login shells, which would run the profile of
 * whoever runs the tests, and outlive them.
 */
export function codexHomeEnv(dir: string): { CODEX_HOME: string; HOME: string } {
  return { CODEX_HOME: dir, HOME: dir };
}

/** A server of tools that Codex must ask about, as it stands in a configuration of Codex's. */
const MCP_SERVER = `
[mcp_servers.mini]
command = ${JSON.stringify(process.execPath)}
args = [${JSON.stringify(path.join(REPOSITORY, "test", "fixtures", "mcp", "server.mjs"))}]
`;

/**
 * Makes `dir` a `CODEX_HOME` whose model is the mock on `mockPort`, tried again `streamRetries` times. With `asking`
 * Codex has every tool by which it asks its user for something.
 */
export function writeCodexHome(dir: string, mockPort: number, streamRetries = 0, asking = false): void {
  mkdirSync(dir, { recursive: true });
  const config = `model = "mock-model"
model_provider = "mock"
check_for_update_on_startup = false

[features]
plugins = false
apps = false
${asking ? "default_mode_request_user_input = true\nrequest_permissions_tool = true\n" : ""}
[analytics]
enabled = false

[model_providers.mock]
name = "mock"
base_url = "http://127.0.0.1:${mockPort}/v1"
wire_api = "responses"
requires_openai_auth = false
supports_websockets = false
request_max_retries = 0
stream_max_retries = ${streamRetries}
${asking ? MCP_SERVER : ""}`;
  writeFileSync(path.join(dir, "config.toml"), config);
}
