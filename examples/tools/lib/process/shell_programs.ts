import type { ProgramPolicy } from "./arguments.ts";

const LINES = /[0-9]{1,6}/;

/**
 * Programs that read, with the options that neither write, run something, nor
 * read a list of further files. `sort -o`, `find -exec`, `tar --to-command`
 * and `awk` are why a program's name alone says nothing about what it does.
 */
export const READING_PROGRAMS: Readonly<Record<string, ProgramPolicy>> = {
  ls: {
    flags: ["-l", "-1", "-h", "-r", "-S", "-t"],
    paths: { min: 0, max: 20 },
  },
  cat: { flags: ["-n"], paths: { min: 1, max: 20 } },
  head: { values: { "-n": LINES, "-c": LINES }, paths: { min: 1, max: 20 } },
  tail: { values: { "-n": LINES, "-c": LINES }, paths: { min: 1, max: 20 } },
  wc: { flags: ["-l", "-w", "-c"], paths: { min: 1, max: 20 } },
  grep: {
    // No -f (reads patterns from a file), no -P (may backtrack for ever), no
    // -R (follows links); -r does not follow those it meets.
    flags: ["-i", "-n", "-c", "-l", "-w", "-v", "-F", "-r"],
    values: { "-m": LINES, "-C": /[0-9]{1,2}/ },
    // Hidden names are left out: ".x" and "..x", but not "./x".
    always: [
      "--devices=skip",
      "--binary-files=without-match",
      "--exclude=.[!./]*",
      "--exclude=..?*",
      "--exclude-dir=.[!./]*",
      "--exclude-dir=..?*",
    ],
    words: { min: 1, max: 1 },
    paths: { min: 1, max: 20 },
  },
};
