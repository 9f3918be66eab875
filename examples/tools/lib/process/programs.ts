import { accessSync, constants, realpathSync, statSync } from "node:fs";

/** Where programs are looked for: never the current directory, never the caller's PATH. */
export const PROGRAM_PATH: readonly string[] = [
  "/usr/local/bin",
  "/usr/bin",
  "/bin",
  "/opt/homebrew/bin",
];

/**
 * Finds a program by its plain name, once, when the tool is made. What is run
 * later is this absolute path, whatever PATH says by then.
 *
 * @throws {TypeError} If the name has a slash, or no such program is installed.
 */
export function findProgram(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(name)) {
    throw new TypeError(`Cannot find a program: expected a plain name, got ${name}`);
  }
  for (const directory of PROGRAM_PATH) {
    const path = `${directory}/${name}`;
    try {
      accessSync(path, constants.X_OK);
      if (statSync(realpathSync(path)).isFile()) return path;
    } catch {
      // Not here.
    }
  }
  throw new TypeError(
    `Cannot find a program: '${name}' is in none of ${PROGRAM_PATH.join(", ")}`,
  );
}

/** An environment made from nothing: no secrets, no PATH of the caller, no loader variables. */
export function cleanEnvironment(
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return { PATH: PROGRAM_PATH.join(":"), LANG: "C.UTF-8", LC_ALL: "C.UTF-8", TZ: "UTC", ...extra };
}
