import { invalid, quote, refuse } from "../refuse.ts";
import { splitPath } from "../rooted/path.ts";
import { Root } from "../rooted/root.ts";
import { checkOptions } from "./arguments.ts";
import { checkIndex } from "./git_index.ts";
import { REVISION, SUBCOMMANDS } from "./git_policy.ts";
import { checkRepository, gitEnvironment } from "./git_repository.ts";
import { findProgram } from "./programs.ts";
import { type ProgramOutput, runForModel } from "./shell_runner.ts";

/** What the git tool may do. */
export interface GitOptions {
  /** The working directory of the repository, with `.git` in it. */
  readonly root: string;
  /**
   * Keys that the repository's configuration may set besides the harmless
   * ones, in lower case as `git config --list --name-only` shows them.
   *
   * @default {[]}
   */
  readonly trustedKeys?: readonly string[];
  /**
   * How long git may run.
   *
   * @default {10_000}
   */
  readonly timeoutMs?: number;
  /**
   * How many bytes of each output are kept.
   *
   * @default {131072}
   */
  readonly maxOutputBytes?: number;
}

/** What a model asks git for. */
export interface GitRequest {
  readonly subcommand: string;
  readonly options?: readonly string[];
  readonly revisions?: readonly string[];
  readonly paths?: readonly string[];
}

/** Runs the reading subcommands of git in one repository. */
export class GitRunner {
  readonly #root: Root;
  readonly #program: string;
  readonly #options: GitOptions;

  constructor(options: GitOptions) {
    this.#root = new Root(options.root);
    this.#program = findProgram("git");
    this.#options = options;
  }

  /** Runs one subcommand to its end. */
  async run(request: GitRequest, signal?: AbortSignal): Promise<ProgramOutput> {
    const args = gitArguments(request, this.#root);
    const trusted = this.#options.trustedKeys ?? [];
    await checkRepository(this.#root, this.#program, trusted, signal);
    const how = {
      program: this.#program,
      cwd: this.#root.path,
      env: gitEnvironment(this.#root),
      timeoutMs: this.#options.timeoutMs ?? 10_000,
      signal,
    };
    if (SUBCOMMANDS.get(request.subcommand)?.reads === "index") await checkIndex(how);
    const maxOutputBytes = this.#options.maxOutputBytes ?? 128 * 1024;
    return await runForModel("git", { ...how, args, maxOutputBytes });
  }
}

/**
 * Makes git's argument list: the subcommand first, so that no option of git
 * itself (`-c`, `-C`, `--exec-path`) can be among what follows; revisions
 * before `--`, paths behind it.
 *
 * @throws {AgenkitError} If something is not on the lists.
 */
export function gitArguments(request: GitRequest, root: Root): readonly string[] {
  const { subcommand, options = [], revisions = [], paths = [] } = request;
  const policy = SUBCOMMANDS.get(subcommand);
  if (policy === undefined) {
    throw refuse(
      `Cannot run git ${quote(subcommand)}: expected one of ${[...SUBCOMMANDS.keys()].join(", ")}`,
    );
  }
  const name = `git ${subcommand}`;
  const chosen = checkOptions(name, policy, options);
  if (revisions.length > policy.revisions) {
    throw invalid(
      `Cannot run ${name}: expected at most ${policy.revisions} revisions, got ${revisions.length}`,
    );
  }
  for (const revision of revisions) checkRevision(name, revision, root);
  const { min, max } = policy.paths ?? { min: 0, max: 0 };
  if (paths.length < min || paths.length > max) {
    throw invalid(`Cannot run ${name}: expected ${min} to ${max} paths, got ${paths.length}`);
  }
  const names = paths.map((path) => splitPath(path, root.policy).join("/") || ".");
  const separator = max > 0 ? ["--"] : [];
  return [
    "--no-pager",
    subcommand,
    ...policy.always ?? [],
    ...chosen,
    ...(revisions.length === 0 && policy.usual !== undefined ? [policy.usual] : revisions),
    ...separator,
    ...names,
  ];
}

function checkRevision(name: string, revision: string, root: Root): void {
  const colon = name === "git show" ? revision.indexOf(":") : -1;
  const commit = colon < 0 ? revision : revision.slice(0, colon);
  // `commit:path` names a file in the history; the path has to be one that
  // could be asked for today.
  if (colon >= 0) splitPath(revision.slice(colon + 1), root.policy);
  if (!REVISION.test(commit)) {
    throw refuse(`Cannot run ${name}: ${quote(revision)} is not a plain revision`);
  }
}
