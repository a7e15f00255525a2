// Idempotency without memory: every request is done, and a record of the keys that came.
//
// Deliberately without rules: a test says whether what is given counts as given before.

import type { IdempotencyService, KeyedRequest } from "../../src/service/idempotency/idempotency.ts";

export class FakeIdempotency implements IdempotencyService {
  readonly asked: KeyedRequest[] = [];
  replayed = false;

  readonly once: IdempotencyService["once"] = async (request, _form, work) => {
    this.asked.push(request);
    const result = await work({
      kept: null, line: (changes) => changes, withdrawn: (changes) => changes, write: async () => undefined,
    });
    return { result, replayed: this.replayed };
  };
}
