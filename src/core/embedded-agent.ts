// The embedded agent by name, and the prompts that it knows: what `codexd demo` prints and what the agent obeys.
//
// Here because two programs share it that may not import each other. How a prompt is carried out is the agent's
// matter. Invariant: what is listed is known, and nothing else is.

import { LIMITS } from "./limits.ts";

/** As it calls itself in `userAgent`; nothing else may take it for Codex. */
export const EMBEDDED_AGENT = "codexd-agent";

export interface AgentPrompt {
  /** As one types it; `N` stands for a number. */
  readonly prompt: string;
  readonly does: string;
}

export const AGENT_PROMPTS = [
  { prompt: "hello", does: "greets you, word by word" },
  { prompt: "run", does: "runs a harmless command (uname -s) and says what it printed" },
  { prompt: "edit", does: "changes a file in a scratch directory of its own" },
  { prompt: "ask", does: "asks whether it may run that command, and obeys" },
  { prompt: "fail", does: "fails" },
  { prompt: "stall", does: "says nothing until it is interrupted" },
  { prompt: "long N", does: `streams N words, at most ${LIMITS.agentDeltasMax}` },
] as const satisfies readonly AgentPrompt[];
