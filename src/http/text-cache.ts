// The texts of answers that never change again: made once, kept for those that are asked for most recently.
//
// Only for records, which are values: a changed one is another object. Invariant: a bounded number of texts of bounded
// length, whatever is asked for.

import { LIMITS } from "../core/limits.ts";

export interface TextCache<K extends object> {
  /** The text of `key`, made by `make` where it is not there. */
  get(key: K, make: () => string): string;
}

export function createTextCache<K extends object>(): TextCache<K> {
  const texts = new Map<K, string>();
  return {
    get(key, make) {
      const known = texts.get(key);
      if (known !== undefined) return known;
      const text = make();
      if (text.length > LIMITS.cachedTextCharsMax) return text;
      texts.set(key, text);
      // The oldest goes: what is read over and over is made again soon enough.
      if (texts.size > LIMITS.cachedTextsMax) texts.delete(texts.keys().next().value as K);
      return text;
    },
  };
}
