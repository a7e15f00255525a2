// An answer whose data is JSON text of Codex's own: it goes out as it came, never parsed or written anew.
//
// Deliberately encoded piece by piece, so that an answer of many megabytes costs its text once and one piece, and never
// holds the loop: in chunks, since counting the bytes beforehand would take 200 ms at 50 MB. The envelope is codexd's
// own, on one line. Invariants: the bytes are the text's UTF-8, all of it or an answer that breaks off before its last
// chunk; a client that has gone, or takes nothing any more, ends the writing.

import type { ServerResponse } from "node:http";
import type { Timer } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";
import { JSON_TYPE, SECURITY_HEADERS } from "./reply.ts";
import type { Answer, EdgeContext } from "./route.ts";

/** `{"ok": true, "data": <text>}`; where `member` is given, the data is an object with the text as this one member. */
export function rawAnswer(edge: EdgeContext, text: string, member: string | null = null): Answer {
  const [open, close] = member === null ? ["", ""] : [`{${JSON.stringify(member)}: `, "}"];
  return {
    stream(response) {
      response.writeHead(200, { ...SECURITY_HEADERS, "Content-Type": JSON_TYPE });
      response.write(`{"ok": true, "data": ${open}`);
      writeText(response, text, `${close}}\n`, edge);
    },
  };
}

function writeText(response: ServerResponse, text: string, tail: string, { clock, log }: EdgeContext): void {
  let at = 0;
  let stall: Timer | null = null;
  const giveUp = (): void => {
    log.warn("a client took nothing of its answer any more", { chars: text.length, taken: at });
    response.destroy();
  };
  const writeOn = (): void => {
    stall?.cancel();
    stall = null;
    while (at < text.length) {
      const end = pieceEnd(text, at);
      const goesOn = response.write(text.slice(at, end));
      at = end;
      if (goesOn) continue;
      stall = clock.after(LIMITS.rawAnswerStallMs, giveUp);
      return;
    }
    response.off("drain", writeOn).end(tail);
  };
  response.on("drain", writeOn).once("close", () => {
    response.off("drain", writeOn);
    stall?.cancel();
  });
  writeOn();
}

/** Never between the two halves of a character: each piece is encoded by itself. */
function pieceEnd(text: string, at: number): number {
  const end = at + LIMITS.rawAnswerPieceChars;
  if (end >= text.length) return text.length;
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last <= 0xdbff ? end - 1 : end;
}
