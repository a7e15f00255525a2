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

interface Place {
  readonly segments: readonly string[];
  readonly routes: Map<string, Route>;
}

export function createRouter(routes: readonly Route[]): Router {
  const places = new Map<string, Place>();
  for (const route of routes) {
    const place = places.get(route.path) ?? { segments: segmentsOf(route.path), routes: new Map<string, Route>() };
    place.routes.set(route.method, route);
    places.set(route.path, place);
  }
  const withParams = [...places.values()].filter(({ segments }) => segments.some((segment) => segment.startsWith(":")));
  return {
    match(path) {
      const place = path.includes(":") ? undefined : places.get(path);
      if (place !== undefined) return { routes: place.routes, params: {} };
      const segments = segmentsOf(path);
      // Also a path without `:params`, whose trailing slash has gone.
      const plain = places.get(`/${segments.join("/")}`);
      if (plain !== undefined && !withParams.includes(plain)) return { routes: plain.routes, params: {} };
      for (const candidate of withParams) {
        const params = paramsOf(candidate.segments, segments);
        if (params !== null) return { routes: candidate.routes, params };
      }
      return null;
    },
  };
}

function segmentsOf(path: string): string[] {
  const end = path.length > 1 && path.endsWith("/") ? path.length - 1 : path.length;
  return path.slice(1, end).split("/");
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> | null {
  if (pattern.length !== segments.length) return null;
  const params: Record<string, string> = {};
  for (let i = 0; i < pattern.length; i += 1) {
    const wanted = pattern[i] ?? "";
    const segment = segments[i] ?? "";
    if (wanted.startsWith(":") && segment !== "") params[wanted.slice(1)] = decodeURIComponent(segment);
    else if (wanted !== segment) return null;
  }
  return params;
}
