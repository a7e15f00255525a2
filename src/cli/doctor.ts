// doctor: looks at the files of a state directory and says what is whole, what is not, and what start would do.
//
// Deliberately without a cure: `start` repairs what can be repaired, a person decides about the rest. Invariant:
// nothing is changed, also where a daemon runs on the directory.

import { EXIT, type ExitCode } from "../core/errors.ts";
import type { Finding, FindingLevel, Inspection, StartOutlook } from "../core/inspection.ts";
import { hasFlag, type CliContext, type CommandSpec } from "./command.ts";
import { visible } from "./event-text.ts";
import { JSON_FLAG, jsonText } from "./print.ts";
import { outputPaint, type Colour, type Screen } from "./screen.ts";

export const doctorCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "look at the state directory's files, and say what is whole and what start would do",
  notes: "Changes nothing, and may be used beside a daemon that runs. Every line of the journal is read.\n" +
    "Exits 0 when all is whole, else with what start would exit with, or 65 where start would go on all the same.\n",
  flags: [JSON_FLAG],
  config: "all",
  run: runDoctor,
};

async function runDoctor({ request, io, parts, resolveConfig }: CliContext): Promise<number> {
  const inspection = await parts.inspectFiles(resolveConfig().config);
  const text = hasFlag(request, "json") ? jsonText(inspection) : inspectionText(inspection, outputPaint(io));
  io.stdout(text);
  return exitCodeOf(inspection);
}

/** A daemon that runs is no reason to worry; damage is one, also where a start could live with it. */
function exitCodeOf({ start, whole, running }: Inspection): ExitCode {
  if (start.exitCode !== EXIT.ok && running === null) return start.exitCode;
  return whole ? EXIT.ok : EXIT.damagedState;
}

const COLOURS: Readonly<Record<FindingLevel, Colour>> = { ok: "green", note: "yellow", damaged: "red", refused: "red" };

function inspectionText(inspection: Inspection, paint: Screen["paint"]): string {
  const { findings, start, startAcceptingLoss } = inspection;
  const rows = findings.map((found) => [found.level, nameOf(found, inspection), found.message] as const);
  const width = Math.max(...rows.map(([, name]) => name.length));
  const lines = rows.map(([level, name, message]) =>
    `${paint(COLOURS[level], level.padEnd(LEVEL_WIDTH))}${visible(name.padEnd(width))}  ${visible(message)}\n`);
  return [
    `${visible(inspection.stateDir)}\n`,
    ...lines,
    ...outlookLines("start", start),
    ...(startAcceptingLoss === null ? [] : outlookLines("start --accept-loss", startAcceptingLoss)),
    `${verdictOf(inspection)}\n`,
  ].join("");
}

const LEVEL_WIDTH = 9;

/** What the finding is about, as short as it is clear. */
function nameOf({ path, subject }: Finding, { stateDir, logsDir }: Inspection): string {
  if (subject === "directory") return path;
  if (path === stateDir || path === logsDir) return subject;
  const base = [stateDir, logsDir].find((directory) => path.startsWith(`${directory}/`));
  return base === undefined ? path : path.slice(base.length + 1);
}

function outlookLines(command: string, { exitCode, message, repairs }: StartOutlook): string[] {
  if (message !== null) return [visible(`${command}: would exit with ${exitCode}: ${message}`), "\n"];
  if (repairs.length === 0) return [`${command}: would start, and change none of these files before\n`];
  const lines = gathered(repairs).map((repair) => `  ${visible(repair)}\n`);
  return [`${command}: would start, and before that:\n`, ...lines];
}

/** Many files that go from one folder are one line; the document for programs names each. */
function gathered(repairs: readonly string[]): string[] {
  const folders = new Map<string, number>();
  const folderOf = (repair: string): string | undefined => /^(\/.*)\/[^/]+ is removed$/.exec(repair)?.[1];
  for (const repair of repairs) {
    const folder = folderOf(repair);
    if (folder !== undefined) folders.set(folder, (folders.get(folder) ?? 0) + 1);
  }
  return repairs.flatMap((repair) => {
    const folder = folderOf(repair);
    const count = folder === undefined ? 0 : folders.get(folder);
    if (folder === undefined || (count !== undefined && count <= REMOVED_NAMED_MAX)) return [repair];
    folders.delete(folder);
    return count === undefined ? [] : [`${count} files in ${folder} are removed`];
  });
}

const REMOVED_NAMED_MAX = 3;

function verdictOf({ whole, findings }: Inspection): string {
  const bad = findings.filter(({ level }) => level === "damaged" || level === "refused").length;
  const directories = findings.filter(({ subject }) => subject === "directory");
  const isNew = directories.length > 0 && directories.every(({ detail }) => detail["mode"] === undefined);
  if (whole && isNew) return "there is nothing here yet: a start would begin anew";
  return whole ? "all is whole" : `not all is whole: ${bad} of ${findings.length} findings are bad`;
}
