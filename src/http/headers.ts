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
  return new Fields(rawHeaders);
}

/** Two lists, not a map: for the few fields that a request has it costs half, and it is made for each request. */
class Fields implements HeaderFields {
  readonly count: number;
  readonly #names: string[] = [];
  readonly #rawHeaders: readonly string[];

  constructor(rawHeaders: readonly string[]) {
    this.count = Math.ceil(rawHeaders.length / 2);
    this.#rawHeaders = rawHeaders;
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) this.#names.push(rawHeaders[i]?.toLowerCase() ?? "");
  }

  get(name: string): string | null {
    const at = this.#names.indexOf(name);
    return at === -1 ? null : this.#rawHeaders[2 * at + 1] ?? "";
  }

  times(name: string): number {
    let times = 0;
    for (const known of this.#names) if (known === name) times += 1;
    return times;
  }
}

/** True where a comma list such as `Accept` names the media type, whatever its parameters. */
export function listsMediaType(header: string | null, mediaType: string): boolean {
  return header !== null && header.split(",").some((part) => isMediaType(part, mediaType));
}

/** Of one value: a comma is no separator here, or `text/plain;a=,application/json` would pass as JSON. */
export function isMediaType(header: string | null, mediaType: string): boolean {
  return header !== null && header.split(";", 1)[0]?.trim().toLowerCase() === mediaType;
}
