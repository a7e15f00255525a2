// Clients that listen to a daemon until it dies, in each form of the event stream, and keep each event's exact text.
//
// Not on codexd's own client: what came over the wire is cut out of it as text. Invariant: half a message is none.

import { request } from "node:http";
import { connectWs } from "./ws-client.ts";

export interface Listened {
  readonly baseUrl: string;
  readonly token: string;
  /** Told each event as it came. */
  told(text: string): void;
}

const EVENT_MESSAGE = '{"type":"event","event":';
const SSE_DATA = "data: ";
const EVENTS = "/v1/codexd/events";

/** Every event behind `after` that the journal still holds. Resolves when the connection has gone. */
export async function listenByWebSocket({ baseUrl, token, told }: Listened, after: number): Promise<void> {
  const path = `${EVENTS}?snapshot=0&after=${after}`;
  try {
    const client = await connectWs({
      port: Number(new URL(baseUrl).port), path, token,
      onText: (text) => {
        if (text.startsWith(EVENT_MESSAGE)) told(text.slice(EVENT_MESSAGE.length, -1));
      },
    });
    client.socket.on("error", () => undefined);
    await client.closed;
  } catch {
    // It died before it had greeted.
  }
}

/** What comes from now on, as lines of JSON. Resolves when the connection has gone. */
export function listenByNdjson(listened: Listened): Promise<void> {
  return readLines(listened, "application/x-ndjson", (line) => (line.startsWith('{"seq":') ? line : null));
}

/** The same as Server-Sent Events. */
export function listenBySse(listened: Listened): Promise<void> {
  return readLines(listened, "text/event-stream", (line) => {
    return line.startsWith(SSE_DATA) ? line.slice(SSE_DATA.length) : null;
  });
}

function readLines(
  { baseUrl, token, told }: Listened, accept: string, cut: (line: string) => string | null,
): Promise<void> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${token}`, accept };
    const sent = request(new URL(EVENTS, baseUrl), { headers, agent: false }, (response) => {
      let rest = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const text = cut(line);
          if (text !== null) told(text);
        }
      });
      response.on("error", () => undefined);
      response.on("close", resolve);
    });
    sent.on("error", () => resolve());
    sent.end();
  });
}
