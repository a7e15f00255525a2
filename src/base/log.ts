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

/** Lines are `<ISO time> <level> <message> key=value …`, values as JSON, so that a line stays a line. */
export function createLogger({ level, write, now }: LoggerOptions): Logger {
  const threshold = LOG_LEVELS.indexOf(level);
  const at = (name: LogLevel) => (message: string, fields: Record<string, unknown> = {}) => {
    if (LOG_LEVELS.indexOf(name) > threshold) return;
    const tail = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
    write(`${new Date(now()).toISOString()} ${name} ${message.replaceAll("\n", "\\n")}${tail.join("")}`);
  };
  return { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug") };
}

/** Drops every record. */
export const silentLogger: Logger = { error() {}, warn() {}, info() {}, debug() {} };
