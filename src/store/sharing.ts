// One copy of what records have in common: equal texts within a record, and all that it has like the record before it.
//
// Only for records that are read: `JSON.parse` makes every text anew, where a run holds its answer up to three times,
// and a session the settings that most others have too. Deliberately no table of all texts, which would have to forget.
//
// Invariant: what comes back gives the same JSON as what was given, and is a value that nobody changes any more.

/** V8 itself keeps one copy of texts up to here. */
const TEXT_CHARS_MIN = 11;
/** A text is compared with so many others of its record: a run has about twenty. */
const TEXTS_MAX = 32;
/** What lies deeper is left as it is. */
const DEPTH_MAX = 8;

type Members = Record<string, unknown>;

const NOTHING: Members = {};

/** Of one table, whose records come in their order. */
export class Sharing {
  #before: Members = NOTHING;
  #texts: string[] = [];

  /** Changes `record`, which must be fresh from `JSON.parse` and nobody else's, and gives it back. */
  share<R extends object>(record: R): R {
    this.#texts = [];
    this.#shareMembers(record as Members, this.#before, 1);
    this.#before = record as Members;
    return record;
  }

  /** Whether `value` has the members of `before` and no other; those that are alike are `before`'s then. */
  #shareMembers(value: Members, before: Members, depth: number): boolean {
    const names = Object.keys(value);
    const namesBefore = Object.keys(before);
    let same = names.length === namesBefore.length;
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      const own = value[name];
      const there = namesBefore[i] === name ? before[name] : undefined;
      const shared = this.#shareValue(own, there, depth);
      // Equal texts may be two copies, which no comparison tells apart.
      if (typeof shared === "string" || shared !== own) value[name] = shared;
      same &&= shared === there;
    }
    return same;
  }

  #shareValue(value: unknown, before: unknown, depth: number): unknown {
    if (typeof value === "string") return value === before ? before : this.#shareText(value);
    if (typeof value !== "object" || value === null || depth === DEPTH_MAX) return value;
    const isLike = typeof before === "object" && before !== null && Array.isArray(before) === Array.isArray(value);
    const like = isLike ? (before as Members) : NOTHING;
    return this.#shareMembers(value as Members, like, depth + 1) && isLike ? before : value;
  }

  #shareText(text: string): string {
    if (text.length < TEXT_CHARS_MIN) return text;
    for (const other of this.#texts) if (other === text) return other;
    if (this.#texts.length < TEXTS_MAX) this.#texts.push(text);
    return text;
  }
}
