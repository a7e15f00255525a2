// The command line of `codex exec`: checked values in, arguments out.
//
// Deliberately only what 0.116 and 0.169 both know. Invariants: a value never stands alone, so it cannot be taken for
// an option or a subcommand, and `--image`, which takes any number of values, takes one; the prompt is never an
// argument (it goes to stdin, which the last one, `-`, says).

import type { ExecValues } from "./exec-inputs.ts";

export interface ExecArgumentOptions {
  /** Arguments of the program that stand before `exec`. */
  readonly commandArgs: readonly string[];
  /** The file that holds `outputSchema`; null where there is none. */
  readonly outputSchemaPath: string | null;
}

export function execArguments(
  values: Omit<ExecValues, "prompt" | "env" | "timeoutMs">,
  { commandArgs, outputSchemaPath }: ExecArgumentOptions,
): string[] {
  return [
    ...commandArgs,
    "exec",
    "--json",
    ...one("--model", values.model),
    ...one("--profile", values.profile),
    ...one("--sandbox", values.sandbox),
    ...one("--cd", values.cwd),
    ...each("--add-dir", values.additionalWritableDirectories),
    ...each("--config", values.config),
    ...each("--image", values.images),
    ...one("--output-schema", outputSchemaPath ?? undefined),
    ...flag("--skip-git-repo-check", values.skipGitRepoCheck),
    ...flag("--ephemeral", values.ephemeral),
    "-",
  ];
}

function one(option: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${option}=${value}`];
}

function each(option: string, values: readonly string[] = []): string[] {
  return values.map((value) => `${option}=${value}`);
}

function flag(option: string, isWanted: boolean | undefined): string[] {
  return isWanted === true ? [option] : [];
}
