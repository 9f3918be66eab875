import type { ProgramPolicy } from "./arguments.ts";

const NUMBER = /[0-9]{1,5}/;
const TEXT = /[^\p{Cc}]{1,200}/u;

const DIFF: readonly string[] = [
  "--stat",
  "--numstat",
  "--shortstat",
  "--name-only",
  "--name-status",
  "--summary",
  "-w",
  "-b",
  "--ignore-all-space",
  "--find-renames",
];
const LOG: readonly string[] = [
  "--oneline",
  "--no-merges",
  "--merges",
  "--first-parent",
  "--reverse",
  "--all",
  "--patch",
  "-p",
];

/** What a git subcommand takes. */
export interface SubcommandPolicy extends ProgramPolicy {
  /** How many revisions at most. */
  readonly revisions: number;
  /** The revision where none is given. Default: git's own, which may be the working directory. */
  readonly usual?: string;
  /** Whether it opens all files that the index names. */
  readonly reads?: "index";
}

/**
 * The subcommands and their options: those that read. Nothing that writes to
 * the repository (it could run a hook), talks to a remote, opens a pager or
 * editor, writes output to a file, or follows into submodules, whose
 * configuration nobody has looked at.
 */
export const SUBCOMMANDS: ReadonlyMap<string, SubcommandPolicy> = new Map([
  ["status", {
    flags: ["--short", "-s", "--branch", "-b", "--untracked-files=no"],
    always: ["--ignore-submodules=all", "--no-renames"],
    paths: { min: 0, max: 20 },
    revisions: 0,
    reads: "index",
  }],
  ["log", {
    flags: [...LOG, ...DIFF],
    values: {
      "-n": NUMBER,
      "--max-count": NUMBER,
      "--skip": NUMBER,
      "--since": TEXT,
      "--until": TEXT,
      "--author": TEXT,
      "--grep": TEXT,
      "--format": /oneline|short|medium|full|fuller|reference/,
    },
    always: [
      "--no-ext-diff",
      "--no-textconv",
      "--no-show-signature",
      "--fixed-strings",
      "--ignore-submodules=all",
    ],
    paths: { min: 0, max: 20 },
    revisions: 2,
  }],
  ["diff", {
    flags: [...DIFF, "--cached", "--staged"],
    values: { "-U": NUMBER, "--unified": NUMBER },
    always: ["--no-ext-diff", "--no-textconv", "--ignore-submodules=all"],
    paths: { min: 0, max: 20 },
    revisions: 2,
    reads: "index",
  }],
  ["show", {
    flags: [...DIFF, "--oneline", "--no-patch", "-s"],
    values: { "--format": /oneline|short|medium|full|fuller|reference/ },
    always: [
      "--no-ext-diff",
      "--no-textconv",
      "--no-show-signature",
      "--ignore-submodules=all",
    ],
    paths: { min: 0, max: 20 },
    revisions: 1,
  }],
  ["blame", {
    flags: ["-w", "--date=iso", "--porcelain"],
    values: { "-L": /[0-9]{1,7}(?:,[+]?[0-9]{1,7})?/ },
    always: ["--no-textconv"],
    paths: { min: 1, max: 1 },
    revisions: 1,
    // Without one it opens the file itself, also through a directory that is a link.
    usual: "HEAD",
  }],
  ["ls-files", {
    flags: ["--cached", "--modified", "--deleted", "--others", "--exclude-standard"],
    paths: { min: 0, max: 20 },
    revisions: 0,
  }],
  ["branch", {
    flags: ["--all", "-a", "--verbose", "-v"],
    always: ["--list", "--no-color"],
    revisions: 0,
  }],
]);

/**
 * Revisions: names, hashes and ranges, with `~` and `^`. Nothing that begins
 * with a dash, and not the forms that search (`:/text`) or read the reflog.
 */
export const REVISION: RegExp =
  /^[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}(?:[~^][0-9]{0,4}){0,10}(?:\.{2,3}[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}(?:[~^][0-9]{0,4}){0,10})?$/;

/**
 * The keys that a repository's own configuration may have. What git would run
 * because of other keys is a list that grows with each version (`core.pager`,
 * `core.fsmonitor`, `diff.*.textconv`, `filter.*.clean`, `gpg.program`...), so
 * this names the harmless ones.
 */
export const HARMLESS_KEYS: readonly RegExp[] = [
  /^core\.(?:repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf|eol|safecrlf|quotepath|abbrev|compression)$/,
  /^user\.(?:name|email)$/,
  /^init\.defaultbranch$/,
  /^extensions\.objectformat$/,
  /^remote\..+\.(?:url|fetch|pushurl|tagopt|prune)$/,
  /^branch\..+\.(?:remote|merge|rebase|description)$/,
  /^submodule\..+\.(?:url|active)$/,
  /^(?:gc|pack|pull|push|fetch|commit|color|advice|status|merge)\.(?:auto|rebase|default|prune|ff|autosetupremote|ui|conflictstyle)$/,
];

/** What overrides the repository's configuration, even where a check of it was missed. */
export const OVERRIDES: readonly (readonly [string, string])[] = [
  ["core.fsmonitor", "false"],
  ["core.hooksPath", "/dev/null"],
  ["core.pager", "cat"],
  ["core.attributesFile", "/dev/null"],
  ["core.excludesFile", "/dev/null"],
  ["diff.ignoreSubmodules", "all"],
  ["submodule.recurse", "false"],
  ["status.submoduleSummary", "false"],
  ["log.showSignature", "false"],
  ["protocol.allow", "never"],
  ["credential.helper", ""],
];

/** The environment git gets: nobody's configuration, no prompts, no network, no programs. */
export const GIT_ENVIRONMENT: Readonly<Record<string, string>> = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_SYSTEM: "/dev/null",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_ASKPASS: "/bin/false",
  GIT_SSH_COMMAND: "/bin/false",
  GIT_EDITOR: "/bin/false",
  GIT_SEQUENCE_EDITOR: "/bin/false",
  GIT_PAGER: "cat",
  PAGER: "cat",
  GIT_ALLOW_PROTOCOL: "", // None: a missing object cannot be fetched by any way.
  GIT_NO_LAZY_FETCH: "1",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_OPTIONAL_LOCKS: "0", // Reading does not write the index.
  GIT_LITERAL_PATHSPECS: "1", // ":(exclude)x" and "*" are names like others.
  ...Object.fromEntries(OVERRIDES.flatMap(([key, value], i) => [
    [`GIT_CONFIG_KEY_${i}`, key],
    [`GIT_CONFIG_VALUE_${i}`, value],
  ])),
  GIT_CONFIG_COUNT: String(OVERRIDES.length),
};
