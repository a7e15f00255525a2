// The first answer to a request with an Idempotency-Key, as it is kept to be given again.
//
// Only the shape: what keeps it, and for how long, stands in service/idempotency/idempotency.ts. Invariant: a key that
// comes again after its time gets another record, so that the order of the records is that of their beginnings.

export interface KeptAnswer {
  /** As the caller has sent it. */
  readonly key: string;
  /** What the key belongs to: method, path and query, such as `POST /v1/codexd/runs`. */
  readonly request: string;
  /** SHA-256 of the request's body, hexadecimal. */
  readonly bodyHash: string;
  /** ISO time of the request. */
  readonly createdAt: string;
  /** What the use case gave, without what a repetition brings again. */
  readonly result: Readonly<Record<string, unknown>>;
  /** Only there where the result is long, and lies in a file. */
  readonly beside?: readonly ["result"];
}

export function keptAnswerId({ key, createdAt }: Pick<KeptAnswer, "key" | "createdAt">): string {
  return `${createdAt} ${key}`;
}
