// What callers would send to become something else: an option, a second message, a path, a variable, a key.
//
// Only values; where they go, injection-cases.ts says. Many carry a mark, by which they are found again wherever they
// have got to.

import type { Seeded } from "../../scripts/seeded.ts";

/** A text, which may be a name as well. */
export function hostileWord(chance: Seeded, mark: string): string {
  const make = WORDS[Math.floor(chance.next() * WORDS.length)];
  return typeof make === "function" ? make(mark) : make ?? mark;
}

/** Anything that JSON can be, the texts among it. */
export function hostileValue(chance: Seeded, mark: string): unknown {
  if (chance.next() < 0.4) return hostileWord(chance, mark);
  return OTHERS[Math.floor(chance.next() * OTHERS.length)]?.(mark) ?? null;
}

const WORDS: ReadonlyArray<string | ((mark: string) => string)> = [
  // Options and subcommands.
  "--help", "-", "--", "resume", "-c x=y", "--dangerously-bypass-approvals-and-sandbox", "--trust",
  (m) => `--config=${m}`, (m) => `-${m}`, (m) => `- ${m}`, (m) => `${m} --trust`, (m) => `${m},--image=/etc/passwd`,
  // Shells.
  (m) => `$(touch ${m})`, (m) => `\`${m}\``, (m) => `; touch ${m} #`, (m) => `' || ${m}`, (m) => `" & ${m}`,
  // A second line, message, header or event.
  (m) => `${m}\n{"id":7,"method":"thread/delete","params":{}}\n`, (m) => `"},"method":"${m}","x":{"`, (m) => `\n${m}`,
  (m) => `${m}\r\nSet-Cookie: a=b\r\n\r\n`, (m) => `\u2028${m}\u2029`, (m) => `data: ${m}\n\nevent: codexd`,
  (m) => `\u001b]0;${m}\u0007`, (m) => `<script>${m}</script>`,
  // Ends and encodings of texts.
  "", " ", "\0", "\n", (m) => `${m}\0tail`, (m) => `\ufeff${m}`, (m) => `\ud800${m}`,
  (m) => `${m}\udfff`,
  "%00", "%2e%2e",
  (m) => `${m}${"\u{1f600}".repeat(300)}`, (m) => m.repeat(400),
  // Paths.
  "..", ".", "../../etc/passwd", "/etc/passwd", "/etc", "/", "/proc/self/environ", "/proc/self/cwd", "~", "file:///etc",
  (m) => `/${m}`, (m) => `/nonexistent/${m}`, (m) => `/../${m}`, (m) => `-/${m}`, (m) => `/a,b${m}`,
  (m) => `/${m}\0.png`,
  // Variables, and pairs of name and value.
  "LD_PRELOAD", "ld_library_path", "DYLD_INSERT_LIBRARIES", "NODE_OPTIONS", "BASH_ENV", "ENV", "GIT_SSH_COMMAND",
  "PYTHONPATH", "PERL5OPT", "RUBYOPT", "CODEX_HOME", "OPENAI_BASE_URL", "HTTPS_PROXY", "all_proxy", "PATH", "HOME",
  "BAA_CODEXD_RUN_ID", "CODEXD_URL", "BASH_FUNC_a%%", "A=B", "=", "==", "=a", (m) => `A_${m}`, (m) => `a=${m}`,
  (m) => `${m}=--trust`, (m) => `a.b="${m}"\nc=1`,
  // Keys with a meaning of their own.
  "__proto__", "constructor", "toString", "hasOwnProperty", "then", "length", "toJSON",
  // Methods and words of this API.
  "turn/start", "thread/delete", "initialize", "danger-full-access", "null", "true", "1e9", "[redacted]", (m) => m,
];

const OTHERS: ReadonlyArray<(mark: string) => unknown> = [
  () => null, () => true, () => false, () => 0, () => -1, () => 1.5, () => 1e308, () => 2 ** 53, () => [], () => ({}),
  () => [[]], () => [null], (m) => [m], (m) => [`--${m}`, 1], (m) => ({ [m]: m }), (m) => ({ type: m }),
  (m) => ({ a: { b: { c: { d: `--${m}` } } } }), (m) => ({ toString: m, toJSON: m, length: 3 }),
  (m) => Array.from({ length: 150 }, () => `/${m}`), (m) => ({ type: "text", text: m, method: "thread/delete" }),
];
