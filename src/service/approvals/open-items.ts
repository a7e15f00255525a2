// The items of turns under way that Codex may ask about: a file change tells its diff when it begins, and is asked
// about by its id alone.
//
// Deliberately no history: an item is dropped when it ends, when its turn ends, and when too many are open at once; the
// approval then only lacks what the item would have told.

import { isObject } from "../../base/decode.ts";
import { RecentMap } from "../../base/recent-map.ts";

export interface OpenItems {
  /** Takes an item that has begun; one that nobody is asked about is not kept. The item must not change any more. */
  begun(threadId: string, turnId: string, item: unknown): void;
  ended(threadId: string, turnId: string, item: unknown): void;
  turnEnded(threadId: string, turnId: string): void;
  get(threadId: string, itemId: string): Record<string, unknown> | undefined;
  clear(): void;
  readonly size: number;
}

interface OpenItem {
  readonly threadId: string;
  readonly turnId: string;
  readonly item: Record<string, unknown>;
}

const ASKED_ABOUT: ReadonlySet<unknown> = new Set(["fileChange", "commandExecution", "mcpToolCall"]);

/** Keeps the `kept` items that have begun last. */
export function createOpenItems(kept: number): OpenItems {
  const items = new RecentMap<string, OpenItem>(kept);
  return {
    begun(threadId, turnId, item) {
      if (!isObject(item) || typeof item["id"] !== "string" || !ASKED_ABOUT.has(item["type"])) return;
      items.set(keyOf(threadId, item["id"]), { threadId, turnId, item });
    },
    ended(threadId, turnId, item) {
      if (!isObject(item) || typeof item["id"] !== "string") return;
      const key = keyOf(threadId, item["id"]);
      // A command that outlives its turn may end when an item of the next one has its id.
      if (items.get(key)?.turnId === turnId) items.delete(key);
    },
    turnEnded(threadId, turnId) {
      for (const [key, open] of items.entries()) {
        if (open.threadId === threadId && open.turnId === turnId) items.delete(key);
      }
    },
    get: (threadId, itemId) => items.get(keyOf(threadId, itemId))?.item,
    clear: () => items.clear(),
    get size() {
      return items.size;
    },
  };
}

/** Ids of items are the provider's own: they are unique within their thread's turn alone. */
function keyOf(threadId: string, itemId: string): string {
  return `${threadId}\n${itemId}`;
}
