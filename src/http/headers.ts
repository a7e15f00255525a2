// Header fields as they came, with nothing joined or dropped.
//
// Deliberately not `request.headers`: Node keeps the first of two Hosts and says nothing of the second.
// Invariant: linear in the number of fields, and names are compared in lower case.

export interface HeaderFields {
  /** How many fields there were, repeated ones included. */
  readonly count: number;
  /** The first value of a field, null where there is none; `name` in lower case. */
  get(name: string): string | null;
  /** How often a field came; `name` in lower case. */
  times(name: string): number;
}

/** @param rawHeaders names and values in turn, as `IncomingMessage.rawHeaders` has them. */
export function readHeaders(rawHeaders: readonly string[]): HeaderFields {
  const fields = new Map<string, { value: string; times: number }>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? "";
    const known = fields.get(name);
    if (known === undefined) fields.set(name, { value: rawHeaders[i + 1] ?? "", times: 1 });
    else known.times += 1;
  }
  return {
    count: Math.ceil(rawHeaders.length / 2),
    get: (name) => fields.get(name)?.value ?? null,
    times: (name) => fields.get(name)?.times ?? 0,
  };
}

/** True where a comma list such as `Accept` names the media type, whatever its parameters. */
export function listsMediaType(header: string | null, mediaType: string): boolean {
  return header !== null && header.split(",").some((part) => isMediaType(part, mediaType));
}

/** Of one value: a comma is no separator here, or `text/plain;a=,application/json` would pass as JSON. */
export function isMediaType(header: string | null, mediaType: string): boolean {
  return header !== null && header.split(";", 1)[0]?.trim().toLowerCase() === mediaType;
}
