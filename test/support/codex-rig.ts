// The use cases of full reach (rpc, threads, about) on the rig of the services, with Codex's other methods as a table.
// What a method has no row for is refused as Codex refuses it.

import type { Clock } from "../../src/base/clock.ts";
import { createCodexAbout } from "../../src/service/app-server/codex-about.ts";
import { createCodexRpc } from "../../src/service/app-server/codex-rpc.ts";
import type { CodexService, ThreadService } from "../../src/service/services.ts";
import { createCodexThreads } from "../../src/service/sessions/codex-threads.ts";
import { createThreads } from "../../src/service/sessions/threads.ts";
import { createInterrupts } from "../../src/service/turns/interrupts.ts";
import { codexRefusal } from "./fake-app-server.ts";
import { createServiceRig, heldClock, type ServiceRig } from "./service-rig.ts";

type Params = Record<string, unknown>;

export interface CodexRig extends ServiceRig {
  readonly reach: CodexService & { readonly threads: ThreadService };
  /** method -> what Codex answers; a raw call is answered with text. */
  readonly answers: Map<string, (params: Params) => unknown>;
  /** The methods that Codex was asked beside those with a name of their own, in order. */
  methods(): unknown[];
  /** The parameters of the newest call of a method. */
  paramsOf(method: string): Params | undefined;
}

export function createCodexRig(
  { clock = heldClock, handshake }: { readonly clock?: Clock; readonly handshake?: unknown } = {},
): CodexRig {
  const rig = createServiceRig({ clock });
  const { codex, store, index, open, gate } = rig;
  const answers: CodexRig["answers"] = new Map();
  codex.on("call", ({ method, ...params }) => {
    const answer = answers.get(String(method));
    if (answer === undefined) throw codexRefusal(`Invalid request: unknown variant \`${String(method)}\``);
    return answer(params);
  });
  const appServer = Object.assign(Object.create(codex) as typeof codex, { handshake });
  const threads = createThreads({ store, index, appServer: codex, clock, defaultCwd: "/default" });
  const interrupts = createInterrupts(codex, clock, open);
  const calls = (): Params[] => codex.asked.filter(({ method }) => method === "call").map(({ params }) => params);
  return {
    ...rig,
    reach: {
      rpc: createCodexRpc({ appServer: codex, index, threads, gate }),
      about: createCodexAbout(appServer, clock),
      threads: createCodexThreads({ open, threads, index, interrupts, appServer: codex, gate, clock }),
    },
    answers,
    methods: () => calls().map(({ method }) => method),
    paramsOf(method) {
      const found = calls().findLast((params) => params["method"] === method);
      if (found === undefined) return undefined;
      const { method: _, ...params } = found;
      return params;
    },
  };
}
