import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { Jobs } from "../../examples/tools/lib/process/jobs.ts";
import { ProcessKeeper } from "../../examples/tools/lib/process/process_keeper.ts";
import { cleanEnvironment, findProgram } from "../../examples/tools/lib/process/programs.ts";
import { gone, isRunning, refused, until, withFolder } from "./tools_support.ts";

const LIMITS = { maxRunning: 3, maxRuntimeMs: 20_000, maxOutputBytes: 1000, maxEnded: 2 };

/** Jobs whose programs may misbehave as the test wants. */
async function withJobs(
  use: (jobs: Jobs, start: (script: string) => ReturnType<Jobs["start"]>) => Promise<void>,
  limits: Partial<typeof LIMITS> = {},
): Promise<void> {
  await withFolder(async (cwd) => {
    const jobs = new Jobs({ ...LIMITS, ...limits });
    try {
      await use(
        jobs,
        (script) =>
          jobs.start("sh", findProgram("sh"), ["-c", script], { cwd, env: cleanEnvironment() }),
      );
    } finally {
      await jobs.close();
    }
  });
}

test("processes starts, reports, signals and ends what is on its list", () =>
  withFolder(async (root) => {
    await writeFile(`${root}/log`, "one\n");
    const programs = { tail: { flags: ["-f"], paths: { min: 1, max: 1 } } };
    const keeper = new ProcessKeeper({ root, programs, waitMs: 200 });
    try {
      const { id, state, pid } = await keeper.start("tail", { options: ["-f"], paths: ["log"] });
      assert.deepEqual([id, state], ["p1", "running"]);
      assert.equal((await keeper.wait(id)).state, "running");
      await until(() => keeper.output(id).stdout === "one\n");
      keeper.signal(id, "SIGTERM");
      const ended = await keeper.wait(id);
      assert.deepEqual([ended.state, ended.signal], ["killed", "SIGTERM"]);
      assert.equal(await isRunning(pid), false);
    } finally {
      await keeper.close();
    }
  }));

test("processes refuses programs, options and paths as the shell tool does", () =>
  withFolder(async (root) => {
    const programs = { tail: { flags: ["-f"], paths: { min: 1, max: 1 } } };
    const keeper = new ProcessKeeper({ root, programs });
    for (const name of ["sh", "/bin/sh", "kill", "__proto__", "tail\0"]) {
      await refused(() => keeper.start(name, { paths: ["."] }), "permission_denied");
    }
    await refused(
      () => keeper.start("tail", { options: ["--pid=1"], paths: ["."] }),
      "permission_denied",
    );
    await refused(() => keeper.start("tail", { paths: ["/etc/passwd"] }), "permission_denied");
    assert.deepEqual((await keeper.list()).processes, []);
    await keeper.close();
  }));

test("processes cannot name, and so not signal, what it has not started", async () => {
  const stranger = spawn("sleep", ["65"], { stdio: "ignore" });
  try {
    await withJobs(async (jobs) => {
      const names = [
        `${stranger.pid}`,
        `-${stranger.pid}`,
        "1",
        "0",
        "-1",
        `${process.pid}`,
        "p99",
        "",
        "__proto__",
        "constructor",
        "p1",
      ];
      for (const name of names) {
        await refused(() => jobs.signal(name, "SIGKILL"), "not_found");
        await refused(() => jobs.output(name), "not_found");
        await refused(() => jobs.wait(name, 10), "not_found");
      }
    });
    assert.equal(await isRunning(stranger.pid!), true);
  } finally {
    stranger.kill("SIGKILL");
  }
});

test("processes sends the signals of its list alone, and none to what has ended", () =>
  withJobs(async (jobs, start) => {
    const { id, pid } = await start("sleep 66");
    for (
      const signal of [
        "SIGSTOP",
        "SIGTSTP",
        "SIGCONT",
        "SIGHUP",
        "9",
        "0",
        "",
        "kill",
        "SIGKILL ",
        "__proto__",
      ]
    ) {
      await refused(() => jobs.signal(id, signal), "permission_denied");
    }
    assert.equal(await isRunning(pid), true);
    jobs.signal(id, "SIGKILL");
    assert.equal((await jobs.wait(id, 20_000)).state, "killed");
    assert.equal(jobs.signal(id, "SIGKILL").state, "killed");
  }));

test("processes always empties the pipes and keeps a bounded end of what came", () =>
  withJobs(async (jobs, start) => {
    const { id } = await start(
      "head -c 3000000 /dev/zero | tr '\\0' a; echo; echo the end; printf '\\377' >&2",
    );
    assert.equal((await jobs.wait(id, 20_000)).exit_code, 0);
    await until(() => {
      const { stdout, stderr } = jobs.output(id);
      return stdout.endsWith("the end\n") && stderr !== "";
    });
    const { stdout, stderr, dropped_bytes } = jobs.output(id);
    assert.equal(stdout.length, 1000);
    assert.match(stdout, /a\nthe end\n$/);
    assert.equal(stderr, "\ufffd");
    assert.equal(dropped_bytes, 3_000_009 - 1000);
  }));

test("processes signals the whole group and leaves nobody behind", () =>
  withJobs(async (jobs, start) => {
    const left = await start("sleep 67 & echo $!");
    await jobs.wait(left.id, 20_000);
    const group = await start(
      "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.05; done' & echo $!; wait",
    );
    await until(() => jobs.output(group.id).stdout.split("\n").length > 2);
    jobs.signal(group.id, "SIGTERM");
    await jobs.wait(group.id, 20_000);
    for (const id of [left.id, group.id]) {
      const pids = jobs.output(id).stdout.trim().split("\n").map(Number);
      for (const pid of pids) await gone(pid);
    }
  }));

test("processes limits how many run and for how long, and forgets old ones", () =>
  withJobs(async (jobs, start) => {
    const started = await Promise.all([start("sleep 68"), start("sleep 68"), start("sleep 68")]);
    await refused(() => start("true"), "resource_exhausted");
    for (const { id } of started) assert.equal((await jobs.wait(id, 20_000)).state, "killed");
    for (let i = 0; i < 4; i++) await jobs.wait((await start("true")).id, 20_000).catch(() => {});
    assert.ok(jobs.list().length <= 3);
  }, { maxRuntimeMs: 2000 }));

test("processes cleans up after a program that cannot be started", () =>
  withJobs(async (jobs, start) => {
    const place = { cwd: "/", env: {} };
    await refused(() => jobs.start("x", "/bin/sh", ["a\0b"], place), "invalid_argument");
    await assert.rejects(jobs.start("x", "/nonexistent/program", [], place), /ENOENT/);
    assert.deepEqual(jobs.list(), []);
    assert.equal((await start("true")).state, "running");
  }));

test("processes ends everything when it is closed, and starts nothing after", async () => {
  let pid = 0;
  await withJobs(async (jobs, start) => {
    ({ pid } = await start("trap '' TERM; while :; do sleep 0.05; done"));
    await jobs.close();
    await refused(() => start("true"), "permission_denied", /closed/);
  });
  assert.equal(await isRunning(pid), false);
});

test("processes stops waiting when the caller aborts", () =>
  withJobs(async (jobs, start) => {
    const { id } = await start("sleep 69");
    const reason = new Error("enough");
    const controller = new AbortController();
    const waiting = jobs.wait(id, 10_000, controller.signal);
    controller.abort(reason);
    await assert.rejects(waiting, reason);
  }));

test("processes names the program's own children on request, without their arguments", () =>
  withFolder(async (root) => {
    const secret = spawn("sleep", ["70"], { stdio: "ignore" });
    const keeper = new ProcessKeeper({ root, programs: {}, children: true });
    try {
      const { children = [] } = await keeper.list();
      const found = children.find(({ pid }) => pid === secret.pid);
      assert.deepEqual(found, { pid: secret.pid, name: "sleep" });
      await refused(() => keeper.signal(String(secret.pid), "SIGKILL"), "not_found");
    } finally {
      secret.kill("SIGKILL");
      await keeper.close();
    }
  }));
