// The name of a command -> the absolute path of the program, as a shell would find it.
//
// Deliberately without the current directory and other relative entries of PATH: the directory may be a repository
// that is not trusted. Resolved once, at start, so that what is spawned later is what was found then.

import { access, constants, stat } from "node:fs/promises";
import path from "node:path";

/**
 * The first executable file that `command` names, or null. A command with a slash is a path, relative to `cwd`;
 * any other is looked for in the absolute directories of `pathVariable`, in order. Links are not resolved.
 */
export async function resolveCommand(
  command: string,
  pathVariable: string | undefined,
  cwd: string,
): Promise<string | null> {
  if (command === "" || command.includes("\0")) return null;
  for (const candidate of candidates(command, pathVariable, cwd)) {
    if (await isExecutableFile(candidate)) return candidate;
  }
  return null;
}

function candidates(command: string, pathVariable: string | undefined, cwd: string): string[] {
  if (command.includes("/")) return [path.resolve(cwd, command)];
  const directories = (pathVariable ?? "").split(path.delimiter).filter((entry) => path.isAbsolute(entry));
  return directories.map((directory) => path.join(directory, command));
}

async function isExecutableFile(file: string): Promise<boolean> {
  try {
    if (!(await stat(file)).isFile()) return false;
    await access(file, constants.X_OK);
    return true;
  } catch {
    // Whatever stands in the way of looking at it would stand in the way of running it.
    return false;
  }
}
