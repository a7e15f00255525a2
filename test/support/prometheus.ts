// Reads Prometheus text (version 0.0.4) as a scraper does, and refuses what a scraper would.
//
// Knows counters and gauges only. Deliberately not made from the writer's code: two that share a mistake agree.

export interface ReadFamily {
  readonly type: string;
  readonly help: string;
  /** By the labels as they stood, such as `status="completed"`; empty where there are none. */
  readonly samples: ReadonlyMap<string, number>;
  /** The labels of each sample, unescaped. */
  readonly labels: ReadonlyArray<Readonly<Record<string, string>>>;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;
const VALUE = /^(?:[-+]?(?:[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?|Inf)|NaN)$/;

/** @throws where the text breaks a rule of the format. */
export function readPrometheus(text: string): ReadonlyMap<string, ReadFamily> {
  if (!text.endsWith("\n")) throw new Error("the last line must end");
  const families = new Map<string, ReadFamily>();
  let help: readonly [name: string, text: string] | null = null;
  for (const line of text.slice(0, -1).split("\n")) {
    const [, keyword = "", name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === "HELP") {
      help = [name, rest];
    } else if (keyword === "TYPE") {
      if (help?.[0] !== name || families.has(name) || !NAME.test(name)) throw new Error(`out of place: ${line}`);
      if (rest !== "counter" && rest !== "gauge") throw new Error(`unknown type: ${line}`);
      if (rest === "counter" && !name.endsWith("_total")) throw new Error(`a counter by another name: ${line}`);
      families.set(name, { type: rest, help: help[1], samples: new Map(), labels: [] });
    } else {
      readSample(line, [...families].at(-1));
    }
  }
  return families;
}

function readSample(line: string, family: [string, ReadFamily] | undefined): void {
  const [, name = "", labels = "", value = ""] = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (family === undefined || name !== family[0] || !VALUE.test(value)) throw new Error(`no sample: ${line}`);
  const { samples, labels: all } = family[1];
  if (samples.has(labels)) throw new Error(`twice: ${line}`);
  (samples as Map<string, number>).set(labels, Number(value.replace("Inf", "Infinity")));
  const read: Record<string, string> = {};
  for (let rest = labels; rest !== "";) {
    const match = LABEL.exec(rest);
    if (match === null) throw new Error(`bad labels: ${line}`);
    const [whole, key = "", escaped = ""] = match;
    read[key] = escaped.replace(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char));
    rest = rest.slice(whole.length);
  }
  (all as Array<Record<string, string>>).push(read);
}
