// Path -> the routes that stand at it, and the values of its `:params`.
//
// Knows methods only as keys: which of them is refused, and with what, is the guard's matter.
// Invariant: a path is matched as it came, segment by segment; nothing is normalised, so `..` and `//` match nothing.

import type { Route } from "./route.ts";

export interface PathMatch {
  /** By method; never empty. */
  readonly routes: ReadonlyMap<string, Route>;
  readonly params: Readonly<Record<string, string>>;
}

export interface Router {
  /** @param path begins with `/`; one trailing slash is accepted. Its percent-encoding must be valid. */
  match(path: string): PathMatch | null;
}

/** What may stand behind the segments that lead here. */
interface Node {
  readonly literals: Map<string, Node>;
  /** Whatever segment comes, but an empty one. */
  param: Node | null;
  /** What a path has that ends here: its routes, and the names of its params in their order. */
  place: { readonly names: readonly string[]; readonly routes: Map<string, Route> } | null;
}

export function createRouter(routes: readonly Route[]): Router {
  const root = createNode();
  for (const route of routes) place(root, route);
  const values: string[] = [];
  return {
    match(path) {
      values.length = 0;
      const end = path.length > 1 && path.endsWith("/") ? path.length - 1 : path.length;
      const found = find(root, path, 1, end, values);
      if (found === null) return null;
      const params: Record<string, string> = {};
      for (let i = 0; i < found.names.length; i += 1) params[found.names[i] ?? ""] = plain(values[i] ?? "");
      return { routes: found.routes, params };
    },
  };
}

function place(root: Node, route: Route): void {
  const names: string[] = [];
  let node = root;
  for (const segment of route.path.slice(1).split("/")) {
    if (segment.startsWith(":")) {
      names.push(segment.slice(1));
      node = node.param ??= createNode();
    } else {
      const next = node.literals.get(segment) ?? createNode();
      node.literals.set(segment, next);
      node = next;
    }
  }
  node.place ??= { names, routes: new Map() };
  node.place.routes.set(route.method, route);
}

/** A literal goes before a param; `values` gets those of the params, in their order. Costs the path's own length. */
function find(node: Node, path: string, from: number, end: number, values: string[]): Node["place"] {
  if (from > end) return node.place;
  const slash = path.indexOf("/", from);
  const to = slash === -1 || slash > end ? end : slash;
  const segment = path.slice(from, to);
  const literal = node.literals.get(segment);
  const found = literal === undefined ? null : find(literal, path, to + 1, end, values);
  if (found !== null || node.param === null || segment === "") return found;
  values.push(segment);
  const behind = find(node.param, path, to + 1, end, values);
  if (behind === null) values.pop();
  return behind;
}

function createNode(): Node {
  return { literals: new Map(), param: null, place: null };
}

/** Most have nothing encoded, and decoding costs as much as finding. */
function plain(value: string): string {
  return value.includes("%") ? decodeURIComponent(value) : value;
}
