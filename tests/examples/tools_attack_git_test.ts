import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { gitArguments, GitRunner } from "../../examples/tools/lib/process/git_runner.ts";
import { GIT_ENVIRONMENT } from "../../examples/tools/lib/process/git_policy.ts";
import {
  checkRepository,
  gitEnvironment,
} from "../../examples/tools/lib/process/git_repository.ts";
import { findProgram } from "../../examples/tools/lib/process/programs.ts";
import { run } from "../../examples/tools/lib/process/run.ts";
import { Root } from "../../examples/tools/lib/rooted/root.ts";
import { refused, withFolder } from "./tools_support.ts";

/** git as the test's own means, with nobody's configuration. */
function own(root: string, ...args: string[]): void {
  const who = [
    "-c",
    "user.name=Ada",
    "-c",
    "user.email=a@example.com",
    "-c",
    "init.defaultBranch=main",
  ];
  execFileSync("git", [...who, ...args], {
    cwd: root,
    stdio: "ignore",
    env: { PATH: process.env["PATH"], GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
  });
}

function withRepository(use: (root: string, folder: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const root = `${folder}/repo`;
    await mkdir(root);
    own(root, "init", "--quiet");
    await writeFile(`${root}/a.txt`, "one\n");
    own(root, "add", ".");
    own(root, "commit", "--quiet", "-m", "First");
    await appendFile(`${root}/a.txt`, "two\n");
    await use(root, folder);
  });
}

test("git reads: status, diff, log, show, blame, ls-files, branch", () =>
  withRepository(async (root) => {
    const git = new GitRunner({ root });
    const out = async (subcommand: string, more: object = {}) => {
      const { exit_code, stdout, stderr } = await git.run({ subcommand, ...more });
      assert.equal(exit_code, 0, stderr);
      return stdout;
    };
    assert.equal(await out("status", { options: ["--short"] }), " M a.txt\n");
    assert.match(await out("diff", { options: ["-U", "0"], paths: ["a.txt"] }), /\+two/);
    assert.match(await out("diff", { options: ["--stat"], revisions: ["HEAD"] }), /a\.txt/);
    assert.match(await out("log", { options: ["--format=reference", "-n", "1"] }), /\(First, /);
    assert.match(await out("log", { options: ["--grep=First"], paths: ["a.txt"] }), /First/);
    assert.equal(await out("show", { revisions: ["HEAD:a.txt"] }), "one\n");
    assert.match(await out("show", { options: ["-s"], revisions: ["main~0"] }), /First/);
    assert.match(await out("blame", { options: ["-L", "1,1"], paths: ["a.txt"] }), /one/);
    assert.equal(await out("ls-files"), "a.txt\n");
    assert.match(await out("branch"), /main/);
  }));

test("git refuses its own options, subcommands that write or run, and aliases", () =>
  withRepository(async (root) => {
    const git = new GitRunner({ root });
    const attacks = [
      "-c",
      "-ccore.pager=id",
      "-C",
      "--exec-path=/tmp",
      "--git-dir=/tmp",
      "--config-env=a=B",
      "-p",
      "",
      "fetch",
      "clone",
      "push",
      "pull",
      "remote",
      "submodule",
      "config",
      "commit",
      "checkout",
      "bisect",
      "rebase",
      "filter-branch",
      "difftool",
      "grep",
      "archive",
      "help",
      "daemon",
      "upload-pack",
      "hook",
      "x",
      "log ",
      "LOG",
      "__proto__",
      "constructor",
    ];
    for (const subcommand of attacks) {
      await refused(
        () => git.run({ subcommand, options: ["alias.x=!touch OWNED"] }),
        "permission_denied",
        /one of/,
      );
    }
  }));

test("git refuses options that write files, run programs or read elsewhere, and their abbreviations", () =>
  withRepository(async (root, folder) => {
    const git = new GitRunner({ root });
    const attacks: [string, string[]][] = [
      ["diff", [`--output=${folder}/out`]],
      ["diff", ["--output", `${folder}/out`]],
      ["diff", [`--outpu=${folder}/out`]],
      ["diff", [`--out=${folder}/out`]],
      ["diff", ["--ext-diff"]],
      ["diff", ["--ext"]],
      ["diff", ["--textconv"]],
      ["diff", ["--no-index", "/etc/passwd", "/etc/hosts"]],
      ["diff", ["-O/etc/passwd"]],
      ["diff", ["--submodule=diff"]],
      ["diff", ["--"]],
      ["log", ["-c", "alias.x=!id"]],
      ["log", ["--upload-pack=id"]],
      ["log", ["--exec=id"]],
      ["log", ["--show-signature"]],
      ["log", ["--format=%G?"]],
      ["log", ["--format=%(trailers)"]],
      ["log", ["--pretty=%GG"]],
      ["log", ["-O", "id"]],
      ["log", ["--open-files-in-pager=id"]],
      ["log", ["--stdin"]],
      ["log", ["--mailmap"]],
      ["log", ["-L1,1:a.txt"]],
      ["log", ["-n", "1\n--output=x"]],
      ["log", ["-n", "--output=x"]],
      ["log", ["--grep=a\n--output=x"]],
      ["log", ["--since"]],
      ["blame", ["--contents=/etc/passwd"]],
      ["blame", ["--ignore-revs-file=/etc/passwd"]],
      ["blame", ["-S", "/etc/passwd"]],
      ["ls-files", ["--exclude-from=/etc/passwd"]],
      ["ls-files", ["--recurse-submodules"]],
      ["ls-files", ["-X", "/etc/passwd"]],
      ["branch", ["-D", "main"]],
      ["branch", ["--edit-description"]],
      ["status", ["--ignore-submodules=none"]],
      ["show", ["--textconv"]],
      ["show", ["__proto__"]],
    ];
    for (const [subcommand, options] of attacks) {
      const paths = subcommand === "blame" ? ["a.txt"] : [];
      await refused(() => git.run({ subcommand, options, paths }), "permission_denied");
    }
    assert.deepEqual(await readdir(folder), ["repo"]);
  }));

test("git refuses revisions that are options, searches or paths, and paths that are not below the root", () =>
  withRepository(async (root) => {
    const git = new GitRunner({ root });
    const revisions = [
      "--output=x",
      "-c",
      "--",
      "-",
      ":/First",
      "HEAD^{/x}",
      "HEAD@{1}",
      "@{u}",
      "HEAD:../../etc/passwd",
      "HEAD:/etc/passwd",
      "HEAD:.env",
      "HEAD\n--output=x",
      "HEAD --output=x",
      "HEAD\0",
      "",
      "../x",
      "/etc/passwd",
      "HEAD;id",
      "$(id)",
    ];
    for (const revision of revisions) {
      await refused(
        () => git.run({ subcommand: "show", revisions: [revision] }),
        "permission_denied",
      );
    }
    await refused(
      () => git.run({ subcommand: "log", revisions: ["HEAD:a.txt"] }),
      "permission_denied",
    );
    for (const path of ["../x", "/etc/passwd", ".git/config", "a\0", ".env", "a\\b"]) {
      await refused(() => git.run({ subcommand: "diff", paths: [path] }), "permission_denied");
    }
    await refused(
      () => git.run({ subcommand: "log", revisions: ["a", "b", "c"] }),
      "invalid_argument",
    );
    await refused(() => git.run({ subcommand: "branch", paths: ["x"] }), "invalid_argument");
    // What looks like an option or a pattern behind "--" is a name that does not exist.
    for (const path of ["--output=OWNED", "-O", ":(exclude)a.txt", ":/", "*"]) {
      const { stdout } = await git.run({ subcommand: "diff", paths: [path] });
      assert.equal(stdout, "", path);
    }
    assert.deepEqual(await readdir(root), [".git", "a.txt"]);
  }));

test("gitArguments() puts revisions before -- and paths behind it", () =>
  withRepository((root) => {
    const args = gitArguments(
      { subcommand: "diff", options: ["--stat"], revisions: ["HEAD"], paths: ["--x", "a"] },
      new Root(root),
    );
    assert.deepEqual(args.slice(0, 2), ["--no-pager", "diff"]);
    assert.deepEqual(args.slice(-5), ["--stat", "HEAD", "--", "--x", "a"]);
    return Promise.resolve();
  }));

test("git refuses a repository whose configuration could run a program or lead elsewhere", () =>
  withRepository(async (root) => {
    const git = new GitRunner({ root });
    const config = `${root}/.git/config`;
    const clean = await Deno.readTextFile(config);
    const owned = `touch ${root}/OWNED`;
    const attacks = [
      `[core]\n\tfsmonitor = ${owned}`,
      `[core]\n\tpager = ${owned}`,
      `[core]\n\tsshCommand = ${owned}`,
      `[core]\n\teditor = ${owned}`,
      `[core]\n\thooksPath = /tmp`,
      `[core]\n\tworktree = /etc`,
      `[core]\n\talternateRefsCommand = ${owned}`,
      `[core]\n\tattributesFile = /tmp/x`,
      `[CORE]\n\tFsMonitor = ${owned}`,
      `[diff]\n\texternal = ${owned}`,
      `[diff "x"]\n\ttextconv = ${owned}`,
      `[diff "x"]\n\tcommand = ${owned}`,
      `[filter "x"]\n\tclean = ${owned}\n\tsmudge = ${owned}`,
      `[filter "x"]\n\tprocess = ${owned}`,
      `[gpg]\n\tprogram = ${owned}`,
      `[log]\n\tshowSignature = true`,
      `[alias]\n\tstatus = !${owned}`,
      `[include]\n\tpath = /tmp/evil`,
      `[includeIf "gitdir:/"]\n\tpath = /tmp/evil`,
      `[credential]\n\thelper = !${owned}`,
      `[remote "x"]\n\tuploadpack = ${owned}`,
      `[remote "x"]\n\tpromisor = true`,
      `[url "ext::${owned}"]\n\tinsteadOf = x`,
      `[extensions]\n\tpartialClone = x`,
      `[extensions]\n\tworktreeConfig = true`,
      `[pager]\n\tlog = ${owned}`,
      `[trailer "x"]\n\tcommand = ${owned}`,
      `[blame]\n\tignoreRevsFile = /etc/passwd`,
      `[core]\n\tfilemode = true\n\tnew.key = x`,
      `[core`,
    ];
    for (const attack of attacks) {
      await Deno.writeTextFile(config, `${clean}\n${attack}\n`);
      await refused(() => git.run({ subcommand: "status" }), "permission_denied");
    }
    await Deno.writeTextFile(
      config,
      `${clean}\n[remote "origin"]\n\turl = git@example.com:x.git\n`,
    );
    assert.equal((await git.run({ subcommand: "status" })).exit_code, 0);
    await Deno.writeTextFile(config, `${clean}\n[lfs]\n\trepositoryformatversion = 0\n`);
    const trusting = new GitRunner({ root, trustedKeys: ["lfs.repositoryformatversion"] });
    assert.equal((await trusting.run({ subcommand: "status" })).exit_code, 0);
    assert.equal((await readdir(root)).includes("OWNED"), false);
  }));

test("git's overrides hold even where the check of the configuration is passed by", () =>
  withRepository(async (root) => {
    // The check and the run are two steps; this is what a swap in between meets.
    await appendFile(
      `${root}/.git/config`,
      `[core]\n\tfsmonitor = touch ${root}/OWNED\n\tpager = touch ${root}/OWNED\n` +
        `[diff]\n\texternal = touch ${root}/OWNED\n[diff "x"]\n\ttextconv = touch ${root}/OWNED\n` +
        `[pager]\n\tlog = touch ${root}/OWNED\n`,
    );
    await writeFile(`${root}/.gitattributes`, "*.txt diff=x\n");
    const rooted = new Root(root);
    for (const subcommand of ["status", "diff", "log"]) {
      const { exitCode, stderr } = await run({
        program: findProgram("git"),
        args: gitArguments({ subcommand }, rooted),
        cwd: root,
        env: gitEnvironment(rooted),
        timeoutMs: 5000,
        maxOutputBytes: 10_000,
      });
      assert.equal(exitCode, 0, stderr);
    }
    assert.equal((await readdir(root)).includes("OWNED"), false);
  }));

test("git runs no hook, no filter of an attribute, and nothing of a submodule", () =>
  withRepository(async (root) => {
    const hook = `#!/bin/sh\ntouch ${root}/OWNED\n`;
    for (const name of ["post-index-change", "fsmonitor-watchman", "post-checkout", "pre-commit"]) {
      await mkdir(`${root}/.git/hooks`, { recursive: true });
      await writeFile(`${root}/.git/hooks/${name}`, hook, { mode: 0o755 });
    }
    await writeFile(`${root}/.gitattributes`, "*.txt filter=evil diff=evil\n");
    const sub = `${root}/sub`;
    await mkdir(sub);
    own(sub, "init", "--quiet");
    await writeFile(`${sub}/x`, "x");
    own(sub, "add", ".");
    own(sub, "commit", "--quiet", "-m", "Sub");
    own(root, "add", "sub");
    own(root, "commit", "--quiet", "-m", "With a submodule");
    await rm(`${root}/OWNED`, { force: true }); // The test's own commit has run a hook.
    await appendFile(`${sub}/.git/config`, `[core]\n\tfsmonitor = touch ${root}/OWNED\n`);
    await appendFile(`${sub}/x`, "y");
    await appendFile(`${root}/a.txt`, "three\n");
    const git = new GitRunner({ root });
    for (const subcommand of ["status", "diff", "log", "show", "ls-files", "branch"]) {
      assert.equal((await git.run({ subcommand })).exit_code, 0);
    }
    assert.equal((await readdir(root)).includes("OWNED"), false);
  }));

test("git refuses a repository that is elsewhere: gitfile, link, alternates, commondir, none", () =>
  withRepository(async (root, folder) => {
    const git = new GitRunner({ root });
    const status = () => git.run({ subcommand: "status" });
    for (const name of ["commondir", "objects/info/alternates", "config.worktree"]) {
      await writeFile(`${root}/.git/${name}`, "../../x\n");
      await refused(status, "permission_denied", /leads out/);
      await rm(`${root}/.git/${name}`);
    }
    for (const name of ["config", "objects", "HEAD", "objects/info", "refs/heads/main"]) {
      await rename(`${root}/.git/${name}`, `${folder}/moved`);
      await symlink(`${folder}/moved`, `${root}/.git/${name}`);
      await refused(status, "permission_denied", /symbolic link/);
      await rm(`${root}/.git/${name}`);
      await rename(`${folder}/moved`, `${root}/.git/${name}`);
    }
    assert.equal((await status()).exit_code, 0);
    await rename(`${root}/.git`, `${folder}/elsewhere`);
    await refused(status, "permission_denied", /own \.git/);
    await symlink(`${folder}/elsewhere`, `${root}/.git`);
    await refused(status, "permission_denied", /own \.git/);
    await rm(`${root}/.git`);
    await writeFile(`${root}/.git`, `gitdir: ${folder}/elsewhere\n`);
    await refused(status, "permission_denied", /own \.git/);
  }));

test("git shows nothing from outside that a link in .git leads to", () =>
  withRepository(async (root, folder) => {
    const git = new GitRunner({ root });
    await writeFile(`${folder}/secret`, "TOP SECRET\n");
    await mkdir(`${root}/.git/rebase-merge`);
    // Of the first git shows a line in its error, of the second one in its answer.
    for (const name of ["shallow", "rebase-merge/done", "info/sparse-checkout"]) {
      await symlink(`${folder}/secret`, `${root}/.git/${name}`);
      await refused(() => git.run({ subcommand: "status" }), "permission_denied", /symbolic link/);
      await rm(`${root}/.git/${name}`);
    }
  }));

test("git opens no file outside that the index names", () =>
  withRepository(async (root, folder) => {
    await writeFile(`${folder}/secret`, "TOP SECRET\n");
    await mkdir(`${root}/xx`);
    await writeFile(`${root}/xx/secret`, "harmless\n");
    own(root, "add", ".");
    const git = new GitRunner({ root });
    assert.equal((await git.run({ subcommand: "diff" })).exit_code, 0);
    for (const name of ["../secret", ".git/head", "./a/../b."]) {
      const index = await readFile(`${root}/.git/index`);
      const forged = index.toString("latin1").replace("xx/secret", name);
      const body = Buffer.from(forged, "latin1").subarray(0, -20);
      const sum = createHash("sha1").update(body).digest();
      await writeFile(`${root}/.git/index`, Buffer.concat([body, sum]));
      for (const subcommand of ["diff", "status"]) {
        await refused(() => git.run({ subcommand }), "permission_denied", /leads elsewhere/);
      }
      await writeFile(`${root}/.git/index`, index);
    }
  }));

test("git blames what is committed, and no file behind a directory that is a link", () =>
  withRepository(async (root, folder) => {
    await writeFile(`${folder}/secret`, "TOP SECRET\n");
    await mkdir(`${root}/xx`);
    await writeFile(`${root}/xx/secret`, "harmless\n");
    own(root, "add", ".");
    own(root, "commit", "--quiet", "-m", "Second");
    await rm(`${root}/xx`, { recursive: true });
    await symlink("..", `${root}/xx`);
    const git = new GitRunner({ root });
    const seen: string[] = [];
    for (const subcommand of ["blame", "diff", "status"]) {
      const paths = subcommand === "blame" ? ["xx/secret"] : [];
      const { stdout, stderr } = await git.run({ subcommand, paths });
      seen.push(stdout, stderr);
    }
    assert.match(seen[0]!, /harmless/);
    assert.doesNotMatch(seen.join(), /TOP SECRET/);
  }));

test("git does not look for a repository above the root, nor at the caller's environment", () =>
  withRepository(async (root) => {
    await mkdir(`${root}/inner`);
    await refused(
      () => new GitRunner({ root: `${root}/inner` }).run({ subcommand: "status" }),
      "permission_denied",
    );
    process.env["GIT_EXTERNAL_DIFF"] = `touch ${root}/OWNED`;
    process.env["GIT_DIR"] = "/nonexistent";
    process.env["GIT_CONFIG_PARAMETERS"] = "'core.fsmonitor'='touch OWNED'";
    try {
      const { exit_code } = await new GitRunner({ root }).run({ subcommand: "diff" });
      assert.equal(exit_code, 0);
    } finally {
      delete process.env["GIT_EXTERNAL_DIFF"];
      delete process.env["GIT_DIR"];
      delete process.env["GIT_CONFIG_PARAMETERS"];
    }
    assert.equal((await readdir(root)).includes("OWNED"), false);
  }));

test("git cannot reach a remote: no protocol is allowed", () =>
  withRepository(async (root) => {
    const rooted = new Root(root);
    for (
      const url of [
        `ext::sh -c "touch ${root}/OWNED"`,
        "https://127.0.0.1:1/x",
        `file://${root}`,
        "ssh://127.0.0.1/x",
      ]
    ) {
      const { exitCode, stderr } = await run({
        program: findProgram("git"),
        args: ["ls-remote", url],
        cwd: root,
        env: gitEnvironment(rooted),
        timeoutMs: 5000,
        maxOutputBytes: 10_000,
      });
      assert.notEqual(exitCode, 0);
      assert.match(stderr, /not allowed/, url);
    }
    assert.equal((await readdir(root)).includes("OWNED"), false);
    assert.equal(GIT_ENVIRONMENT["GIT_TERMINAL_PROMPT"], "0");
  }));

test("git's output is cut and its time is bounded", () =>
  withRepository(async (root) => {
    await writeFile(`${root}/a.txt`, "x\n".repeat(200_000));
    const small = new GitRunner({ root, maxOutputBytes: 1000 });
    const { stdout, truncated } = await small.run({ subcommand: "diff" });
    assert.deepEqual([stdout.length, truncated], [1000, true]);
    // A FIFO in place of the configuration would make git wait for ever.
    await rm(`${root}/.git/config`);
    execFileSync("mkfifo", [`${root}/.git/config`]);
    const signal = AbortSignal.timeout(500);
    await assert.rejects(checkRepository(new Root(root), findProgram("git"), [], signal));
  }));
