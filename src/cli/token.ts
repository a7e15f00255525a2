// token: where the token is, what it is, and a new one.
//
// Prints the file by default, so that scripts pass the file on and the secret stays out of argv and scrollback.

import { EXIT, ExitError } from "../core/errors.ts";
import { hasFlag, type CommandSpec } from "./command.ts";
import { readTokenFile } from "./state-files.ts";

export const tokenCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "print the token's file",
  notes: "--rotate closes streams that were opened with the old token, within a second.\n",
  flags: [
    { name: "show", takes: null, summary: "print the token itself" },
    { name: "rotate", takes: null, summary: "make a new one first, which a running daemon takes up by itself" },
  ],
  config: "state",
  async run({ request, io, parts, resolveConfig }) {
    const { paths } = resolveConfig().config;
    const before = await readTokenFile(paths.tokenPath);
    if (before === null) {
      throw new ExitError(EXIT.failed, `there is no token at ${paths.tokenPath}: the first codexd start makes one`);
    }
    let token: string | null = before;
    if (hasFlag(request, "rotate")) {
      await parts.rotateToken(paths.stateDir);
      token = await readTokenFile(paths.tokenPath);
    }
    io.stdout(hasFlag(request, "show") ? `${token}\n` : `${paths.tokenPath}\n`);
    return EXIT.ok;
  },
};
