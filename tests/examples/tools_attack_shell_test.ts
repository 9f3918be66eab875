import assert from "node:assert/strict";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { cleanEnvironment, findProgram } from "../../examples/tools/lib/process/programs.ts";
import { run, type RunOptions } from "../../examples/tools/lib/process/run.ts";
import { ShellRunner } from "../../examples/tools/lib/process/shell_runner.ts";
import { gone, isRunning, refused, timed, until, withFolder } from "./tools_support.ts";

/** A shell script run directly: the tests' own means of misbehaving. No tool starts a shell. */
function script(folder: string, text: string, more: Partial<RunOptions> = {}) {
  return run({
    program: findProgram("sh"),
    args: ["-c", text],
    cwd: folder,
    env: cleanEnvironment(),
    timeoutMs: 5000,
    maxOutputBytes: 10_000,
    ...more,
  });
}

test("shell runs programs of its list, with options, words and paths", () =>
  withFolder(async (root) => {
    await writeFile(`${root}/a.txt`, "one\ntwo\nthree\n");
    const shell = new ShellRunner({ root });
    const found = await shell.run("grep", {
      options: ["-n", "-m", "1"],
      words: ["t"],
      paths: ["a.txt"],
    });
    assert.deepEqual([found.exit_code, found.stdout], [0, "2:two\n"]);
    const none = await shell.run("grep", { words: ["zebra"], paths: ["a.txt"] });
    assert.deepEqual([none.exit_code, none.stdout, none.truncated], [1, "", false]);
    assert.equal(
      (await shell.run("head", { options: ["-n", "1"], paths: ["a.txt"] })).stdout,
      "one\n",
    );
    assert.equal((await shell.run("ls", {})).stdout, "a.txt\n");
  }));

test("shell refuses programs that are not on the list, by name, path or trick", () =>
  withFolder(async (root) => {
    await writeFile(`${root}/cat`, "#!/bin/sh\necho OWNED\n", { mode: 0o755 });
    await writeFile(`${root}/a`, "safe");
    const shell = new ShellRunner({ root });
    const attacks = [
      "sh",
      "bash",
      "/bin/cat",
      "./cat",
      "cat ",
      "cat;id",
      "CAT",
      "",
      "../cat",
      "cat\0",
      "__proto__",
      "constructor",
      "toString",
    ];
    for (const name of attacks) {
      await refused(() => shell.run(name, { paths: ["a"] }), "permission_denied");
    }
    // A program of the same name in the working directory is not taken.
    assert.equal((await shell.run("cat", { paths: ["cat"] })).stdout.includes("echo OWNED"), true);
    assert.throws(() => findProgram("../sh"), TypeError);
    assert.throws(() => findProgram("no-such-program-here"), TypeError);
  }));

test("shell refuses options that are not listed, also as clusters, abbreviations and values", () =>
  withFolder(async (root) => {
    await writeFile(`${root}/a`, "x\n");
    const shell = new ShellRunner({ root });
    const attacks: [string, string[]][] = [
      ["grep", ["-f"]],
      ["grep", ["-f/etc/passwd"]],
      ["grep", ["--file=/etc/passwd"]],
      ["grep", ["--fil=/etc/passwd"]],
      ["grep", ["-P"]],
      ["grep", ["-R"]],
      ["grep", ["-nf"]],
      ["grep", ["-in"]],
      ["grep", ["--"]],
      ["grep", ["-m", "1; id"]],
      ["grep", ["-m", "-f"]],
      ["grep", ["-m", "1\n-f"]],
      ["grep", ["-m"]],
      ["grep", ["-m", "1".repeat(100)]],
      ["grep", [""]],
      ["grep", ["-n\0"]],
      ["grep", ["__proto__"]],
      ["grep", ["constructor", "x"]],
      ["head", ["-n", "$(id)"]],
      ["ls", ["-R"]],
      ["ls", ["-a"]],
      ["wc", ["--files0-from=/etc/passwd"]],
      ["tail", ["-f"]],
      ["cat", ["-"]],
    ];
    for (const [name, options] of attacks) {
      const words = name === "grep" ? ["x"] : [];
      await refused(() => shell.run(name, { options, words, paths: ["a"] }), "permission_denied");
    }
  }));

test("shell passes words and paths as such: no options, no shell, no patterns", () =>
  withFolder(async (root) => {
    await writeFile(`${root}/a`, "safe $(id) `id` ; rm -rf * | cat > b && --file=x\n");
    await writeFile(`${root}/-rf`, "dash");
    const shell = new ShellRunner({ root });
    for (const word of ["$(id)", "`id`", "; rm -rf", "| cat > b", "&& ", "--file=x"]) {
      const { stdout } = await shell.run("grep", { options: ["-F"], words: [word], paths: ["a"] });
      assert.match(stdout, /safe/, word);
    }
    assert.equal((await shell.run("cat", { paths: ["-rf"] })).stdout, "dash");
    for (const path of ["a; id", "$(id)", "*", "a|b", "~", "--help", "-n"]) {
      await refused(() => shell.run("cat", { paths: [path] }), "not_found");
    }
    await refused(() => shell.run("grep", { words: ["a\0b"], paths: ["a"] }), "invalid_argument");
    await refused(
      () => shell.run("grep", { words: ["x".repeat(2000)], paths: ["a"] }),
      "invalid_argument",
    );
    await refused(() => shell.run("grep", { words: ["x", "y"], paths: ["a"] }), "invalid_argument");
    await refused(() => shell.run("cat", {}), "invalid_argument");
    assert.deepEqual((await readdir(root)).sort(), ["-rf", "a"]);
  }));

test("shell gives no paths outside the root, through links, or hidden", () =>
  withFolder(async (folder) => {
    const root = `${folder}/root`;
    await mkdir(`${root}/.git`, { recursive: true });
    await mkdir(`${root}/docs`);
    await writeFile(`${folder}/secret`, "SECRET");
    await writeFile(`${root}/.env`, "SECRET");
    await writeFile(`${root}/.git/config`, "SECRET");
    await writeFile(`${root}/docs/a`, "open SECRET");
    await symlink(`${folder}/secret`, `${root}/link`);
    await symlink(folder, `${root}/dir`);
    await symlink(`${folder}/secret`, `${root}/docs/link`);
    const shell = new ShellRunner({ root });
    for (
      const path of [
        "../secret",
        `${folder}/secret`,
        "link",
        "dir/secret",
        ".env",
        ".git/config",
        "/dev/stdin",
        "/proc/self/environ",
      ]
    ) {
      await refused(() => shell.run("cat", { paths: [path] }), "permission_denied");
    }
    const { stdout } = await shell.run("grep", {
      options: ["-r"],
      words: ["SECRET"],
      paths: ["."],
    });
    assert.equal(stdout, "./docs/a:open SECRET\n");
    await writeFile(`${root}/docs/.env`, "SECRET");
    await writeFile(`${root}/docs/..env`, "SECRET");
    await mkdir(`${root}/docs/.hidden`);
    await writeFile(`${root}/docs/.hidden/a`, "SECRET");
    const docs = await shell.run("grep", { options: ["-r"], words: ["SECRET"], paths: ["docs"] });
    assert.equal(docs.stdout, "./docs/a:open SECRET\n");
  }));

test("shell gives programs an environment made from nothing, and a closed input", () =>
  withFolder(async (root) => {
    process.env["AGENKIT_ATTACK_SECRET"] = "SECRET";
    process.env["LD_PRELOAD_DECOY"] = "x";
    try {
      const shell = new ShellRunner({ root, programs: { env: { terminator: false } } });
      const names = (await shell.run("env", {})).stdout.trim().split("\n").map((line) =>
        line.split("=")[0]
      );
      assert.deepEqual(names.sort(), ["LANG", "LC_ALL", "PATH", "TZ"]);
      const reader = new ShellRunner({ root, programs: { cat: {} } });
      assert.equal((await reader.run("cat", {})).stdout, "");
    } finally {
      delete process.env["AGENKIT_ATTACK_SECRET"];
      delete process.env["LD_PRELOAD_DECOY"];
    }
  }));

test("run() cuts endless output while it comes and ends the program", () =>
  withFolder(async (folder) => {
    for (const text of ["yes", "yes >&2", "yes & yes", "head -c 300000 /dev/zero; sleep 60"]) {
      let result: Awaited<ReturnType<typeof run>> | undefined;
      const ms = await timed(async () => result = await script(folder, text));
      assert.equal(result!.stopped, "output", text);
      assert.ok(result!.stdout.length <= 10_000 && result!.stderr.length <= 10_000);
      assert.ok(ms < 20_000, `${text} took ${ms} ms`);
    }
    const exact = await script(folder, "head -c 10000 /dev/zero");
    assert.deepEqual([exact.stopped, exact.stdout.length], [undefined, 10_000]);
  }));

test("run() ends the whole group when the time is up: children, grandchildren, and those deaf to SIGTERM", () =>
  withFolder(async (folder) => {
    const text = `
      sleep 61 & echo $!
      sh -c 'trap "" TERM HUP; sleep 62 & echo $!; wait' &
      trap '' TERM
      echo $$
      while :; do sleep 0.05; done
    `;
    const ms = await timed(async () => {
      const result = await script(folder, text, { timeoutMs: 3000 });
      assert.equal(result.stopped, "timeout");
      assert.equal(result.signal, "SIGKILL");
      const pids = result.stdout.trim().split("\n").map(Number);
      assert.equal(pids.length, 3);
      for (const pid of pids) await gone(pid);
    });
    assert.ok(ms < 20_000, `took ${ms} ms`);
  }));

test("run() does not wait for a child that was left behind with the pipes, and kills it", () =>
  withFolder(async (folder) => {
    const ms = await timed(async () => {
      const result = await script(folder, "sleep 63 & echo $!");
      assert.equal(result.exitCode, 0);
      await gone(Number(result.stdout));
    });
    assert.ok(ms < 20_000, `took ${ms} ms`);
  }));

test("run() returns though a process left the group and holds the pipes", () =>
  withFolder(async (folder) => {
    let pid = 0;
    const ms = await timed(async () => {
      const result = await script(folder, "setsid sh -c 'echo $$; exec sleep 64' & sleep 0.2", {
        timeoutMs: 1000,
      });
      pid = Number(result.stdout);
    });
    assert.ok(ms < 20_000, `took ${ms} ms`);
    // The honest limit: a group kill does not reach who has left the group.
    if (await isRunning(pid)) process.kill(pid, "SIGKILL");
  }));

test("run() ends the program when the caller aborts, with the signal's reason", () =>
  withFolder(async (folder) => {
    const controller = new AbortController();
    const running = script(folder, "echo $$ > pid; sleep 64", { signal: controller.signal });
    await until(async () => Number(await readFile(`${folder}/pid`, "utf8").catch(() => "")) > 0);
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(running, reason);
    await gone(Number(await readFile(`${folder}/pid`, "utf8")));
    await assert.rejects(script(folder, "true", { signal: AbortSignal.abort(reason) }), reason);
  }));

test("run() survives output that is not UTF-8, and refuses NUL and missing programs", () =>
  withFolder(async (folder) => {
    const { stdout } = await script(folder, "printf 'a\\377\\376b\\000c'");
    assert.equal(stdout, "a\ufffd\ufffdb\0c");
    await refused(() => script(folder, "echo a\0b"), "invalid_argument");
    await refused(() => script(folder, "x", { program: `${folder}/none` }), "not_found");
    await refused(() => script(folder, "x", { cwd: `${folder}/none` }), "not_found");
    const killed = await script(folder, "kill -9 $$");
    assert.deepEqual([killed.exitCode, killed.signal], [null, "SIGKILL"]);
  }));

test("run() does not choke on a program that reads nothing of a large input", () =>
  withFolder(async (folder) => {
    const result = await script(folder, "true", { input: "x".repeat(1 << 20) });
    assert.equal(result.exitCode, 0);
    assert.equal(
      (await script(folder, "wc -c", { input: "x".repeat(1 << 20) })).stdout.trim(),
      "1048576",
    );
  }));
