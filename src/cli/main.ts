/**
 * The command line: `agenkit serve` and `agenkit call`.
 *
 * @module
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CALL_HELP, callCommand } from "./call_command.ts";
import { EXIT, flushed, type Io, painter, processIo, UsageError } from "./io.ts";
import { SERVE_HELP, serveCommand } from "./serve_command.ts";
import { VERSION } from "./version.ts";

export type { Io } from "./io.ts";

const HELP = `agenkit ${VERSION}: offer an agent over a network, call any agent as if local.

Usage: agenkit <command> [options]

Commands:
  serve <module>      serve the agents that a module exports
  call <url> [text]   call an agent and print its answer
  help [command]      show this, or the help of a command

Options:
  -h, --help          show this
  -V, --version       show the version
`;

const COMMANDS: Readonly<
  Record<string, { run: (args: readonly string[], io: Io) => Promise<number>; help: string }>
> = {
  serve: { run: serveCommand, help: SERVE_HELP },
  call: { run: callCommand, help: CALL_HELP },
};

/**
 * Runs the command line.
 *
 * @param args What was given after the program's name.
 * @param io What it reads and writes. Default: those of the process.
 * @returns The exit code: 0 ok, 1 failed, 2 usage, 3 not reachable, 4 timed out, 130 interrupted.
 */
export async function main(args: readonly string[], io: Io = processIo()): Promise<number> {
  const [name, ...rest] = args;
  const { red } = painter(io.errorColours);
  try {
    if (name === "--version" || name === "-V") {
      io.out(`${VERSION}\n`);
      return EXIT.ok;
    }
    if (name === "help" || name === "--help" || name === "-h") {
      io.out(COMMANDS[rest[0] ?? ""]?.help ?? HELP);
      return EXIT.ok;
    }
    if (name === undefined) throw new UsageError("a command is needed: serve or call");
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) {
      throw new UsageError(`there is no command "${name}": expected serve or call`);
    }
    return await command.run(rest, io);
  } catch (error) {
    io.err(`${red("error")}: ${(error as Error).message}\n`);
    if (!(error instanceof UsageError) && !(error instanceof TypeError)) return EXIT.failed;
    const known = name !== undefined && Object.hasOwn(COMMANDS, name);
    io.err(`Run "agenkit ${known ? `${name} ` : ""}--help" for help.\n`);
    return EXIT.usage;
  }
}

// Older Node has no import.meta.main.
if (import.meta.main ?? process.argv[1] === fileURLToPath(import.meta.url)) {
  const code = await main(process.argv.slice(2));
  await flushed();
  process.exit(code);
}
