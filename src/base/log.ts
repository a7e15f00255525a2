// One line a record on standard error, for the people who run the daemon.
//
// Deliberately not the event journal: nothing reads these lines back. What may hold secrets is redacted by the caller.

export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Logger {
  error(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  debug(message: string, fields?: Record<string, unknown>): void;
}

export interface LoggerOptions {
  /** Records below this level are dropped. */
  level: LogLevel;
  /** Takes one line without its newline. */
  write(line: string): void;
  now(): number;
}

/**
 * Lines are `<ISO time> <level> <message> key=value …`, values as JSON. A line stays a line, and whoever looks at it on
 * a terminal sees text: controls and other ends of lines stand there as JSON would write them.
 */
export function createLogger({ level, write, now }: LoggerOptions): Logger {
  const threshold = LOG_LEVELS.indexOf(level);
  const at = (name: LogLevel) => (message: string, fields: Record<string, unknown> = {}) => {
    if (LOG_LEVELS.indexOf(name) > threshold) return;
    const tail = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
    write(`${new Date(now()).toISOString()} ${name} ${escaped(message + tail.join(""))}`);
  };
  return { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug") };
}

/** JSON itself leaves some of them as they are. */
function escaped(line: string): string {
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) =>
    (char === "\n" ? "\\n" : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`));
}

/** Drops every record. */
export const silentLogger: Logger = { error() {}, warn() {}, info() {}, debug() {} };
