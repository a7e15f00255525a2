// What a run may be asked: every value that could become something else is refused, and the message names its field.
// Both the HTTP API and programs come through these checks.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "../../src/base/decode.ts";
import { checkExecValues } from "../../src/codex/exec-inputs.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { CodexExecRequest } from "../../src/core/runs.ts";

function pathOf(values: Partial<Record<keyof CodexExecRequest, unknown>>): string {
  try {
    checkExecValues({ prompt: "hi", ...values } as CodexExecRequest);
  } catch (error) {
    assert.ok(error instanceof DecodeError, String(error));
    return error.path;
  }
  return "taken";
}

test("prompts that look like options are prompts; blank ones and NUL are refused", () => {
  for (const prompt of ["--help", "-", "resume", "-c x=y", "--dangerously-bypass-approvals-and-sandbox"]) {
    assert.deepEqual(checkExecValues({ prompt }), { prompt });
  }
  for (const prompt of ["", " \n", "a\0b", 7, undefined]) assert.equal(pathOf({ prompt }), "prompt");
});

test("a prompt is counted in characters, on both sides of Codex's limit", () => {
  const most = "😀".repeat(LIMITS.inputTextCharsMax);
  assert.equal(pathOf({ prompt: most }), "taken");
  assert.equal(pathOf({ prompt: `${most}a` }), "prompt");
});

test("model and profile are words", () => {
  const longest = "x".repeat(LIMITS.nameCharsMax);
  const words = ["o3", "openai/gpt-5.2:high@x_y", longest];
  for (const model of words) assert.equal(pathOf({ model, profile: model }), "taken");
  for (const model of ["--trust", "-", "a b", "a\nb", "", "a\0", "$(x)", "a=b", `${longest}x`]) {
    assert.equal(pathOf({ model }), "model");
    assert.equal(pathOf({ profile: model }), "profile");
  }
});

test("paths are absolute, and an image's has no comma", () => {
  for (const path of ["-x", "x", "../x", "", "/a\0b"]) {
    assert.equal(pathOf({ cwd: path }), "cwd");
    assert.equal(pathOf({ images: ["/ok.png", path] }), "images[1]");
    assert.equal(pathOf({ additionalWritableDirectories: [path] }), "additionalWritableDirectories[0]");
  }
  assert.equal(pathOf({ images: ["/a,b.png"] }), "images[0]");
  assert.equal(pathOf({ cwd: "/a,b", additionalWritableDirectories: ["/a,b"], images: [] }), "taken");
});

test("config pairs have a key and a value", () => {
  const good = ["a=b", "a.b-c_d=[1, 2]", "a=", "a=b=c", "projects.\"/a.b\".trust_level=trusted", "a=x\ny"];
  assert.equal(pathOf({ config: good }), "taken");
  for (const pair of ["a", "=b", "-c=x", "--x=y", "a b=c", "a\nb=c", "a=\0", 7]) {
    assert.equal(pathOf({ config: [pair] }), "config[0]");
  }
});

test("variables that load code or redirect credentials are refused by name, in any case", () => {
  const refused = [
    "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "NODE_OPTIONS", "BASH_ENV", "ENV", "GIT_SSH", "PYTHONPATH", "PERL5LIB",
    "RUBYOPT", "CODEX_HOME", "OPENAI_BASE_URL", "HTTPS_PROXY", "http_proxy", "no_proxy", "PATH", "Path", "HOME",
    "BAA_CODEXD_RUN_ID", "CODEXD_TOKEN", "CODEX_THREAD_ID", "SSL_CERT_FILE", "a b", "A=B", "", "1A", "A\0",
    "GCONV_PATH", "openssl_conf", "PERLLIB", "CODEX_REFRESH_TOKEN_URL_OVERRIDE", "CODEX_REVOKE_TOKEN_URL_OVERRIDE",
    "CODEX_APP_SERVER_LOGIN_ISSUER", "CODEX_EXEC_SERVER_URL", "CODEX_OSS_PORT", "CODEX_SQLITE_HOME", "CODEX_SANDBOX",
    "CODEX_TOKEN_URL", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "SSLKEYLOGFILE", "GLIBC_TUNABLES",
    "AZURE_OPENAI_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_CONFIG_FILE", "AWS_CA_BUNDLE",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  ];
  for (const name of refused) assert.match(pathOf({ env: { [name]: "x" } }), /^env\./, name);
  const taken = {
    CODEX_API_KEY: "k", CODEX_ACCESS_TOKEN: "k", AWS_REGION: "x", MY_PATH: "/x", HOMEPAGE: "x", ENVIRONMENT: "x", _: "",
    nodeish: "",
  };
  assert.equal(pathOf({ env: taken }), "taken");
  assert.equal(pathOf({ env: { A: "a\0b" } }), "env.A");
  assert.equal(pathOf({ env: { A: 7 } }), "env.A");
});

test("lists and the environment have limits, on both sides", () => {
  const pairs = (count: number): string[] => Array.from({ length: count }, (_, i) => `k${i}=v`);
  assert.equal(pathOf({ config: pairs(LIMITS.runConfigsMax) }), "taken");
  assert.equal(pathOf({ config: pairs(LIMITS.runConfigsMax + 1) }), "config");
  const paths = (count: number): string[] => Array.from({ length: count }, (_, i) => `/${i}`);
  assert.equal(pathOf({ images: paths(LIMITS.runPathsMax) }), "taken");
  assert.equal(pathOf({ images: paths(LIMITS.runPathsMax + 1) }), "images");
  assert.equal(pathOf({ config: [`k=${"x".repeat(LIMITS.runArgumentsBytesMax - 2)}`] }), "taken");
  assert.equal(pathOf({ config: [`k=${"x".repeat(LIMITS.runArgumentsBytesMax - 1)}`] }), "config");
  const frame = JSON.stringify({ A: "" }).length;
  assert.equal(pathOf({ env: { A: "x".repeat(LIMITS.runEnvironmentBytesMax - frame) } }), "taken");
  assert.equal(pathOf({ env: { A: "x".repeat(LIMITS.runEnvironmentBytesMax - frame + 1) } }), "env");
  assert.equal(pathOf({ timeoutMs: LIMITS.timerMsMax }), "taken");
  for (const timeoutMs of [0, 1.5, LIMITS.timerMsMax + 1, "1"]) assert.equal(pathOf({ timeoutMs }), "timeoutMs");
});

test("what a request holds besides its values is not looked at", () => {
  const request = { prompt: "hi", runId: "x", onEvent: () => undefined, ephemeral: true };
  assert.deepEqual(checkExecValues(request), { prompt: "hi", ephemeral: true });
});
