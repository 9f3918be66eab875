import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { test } from "node:test";
import { matchName, matchPath, splitPattern } from "../../examples/tools/lib/rooted/glob.ts";
import { FileOperations } from "../../examples/tools/lib/rooted/operations.ts";
import { splitPath } from "../../examples/tools/lib/rooted/path.ts";
import { readFileIn } from "../../examples/tools/lib/rooted/read_file.ts";
import { Root } from "../../examples/tools/lib/rooted/root.ts";
import { writeFileIn } from "../../examples/tools/lib/rooted/write_file.ts";
import { refused, timed, withFolder } from "./tools_support.ts";

/** A root with a secret beside it. */
function withRoot(use: (root: string, outside: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const root = `${folder}/root`;
    const outside = `${folder}/outside`;
    await mkdir(root);
    await mkdir(outside);
    await writeFile(`${outside}/secret.txt`, "SECRET");
    await use(root, outside);
  });
}

/** Swaps `dir` for the link `evil` and back, until it is disposed of. */
function swapping(root: string): AsyncDisposable {
  let on = true;
  const done = (async () => {
    while (on) {
      await rename(`${root}/dir`, `${root}/aside`);
      await rename(`${root}/evil`, `${root}/dir`);
      await rename(`${root}/dir`, `${root}/evil`);
      await rename(`${root}/aside`, `${root}/dir`);
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      on = false;
      await done;
    },
  };
}

/** Whether it is to go on; fails when what is waited for does not come at all. */
function turns(): () => boolean {
  const start = performance.now();
  return () => {
    const ms = performance.now() - start;
    assert.ok(ms < 30_000, "not everything was seen within 30 s");
    return ms < 700;
  };
}

test("files reads, lists, finds and writes within the root", () =>
  withRoot(async (root) => {
    const files = new FileOperations({ root, write: true });
    await mkdir(`${root}/docs/deep`, { recursive: true });
    await files.write("docs/a.md", "eins", false);
    await files.write("docs/deep/b.md", "zwei", false);
    assert.deepEqual(await files.read("./docs//a.md"), { path: "./docs//a.md", content: "eins" });
    const { entries } = await files.list("docs");
    assert.deepEqual(entries.map(({ name, type }) => [name, type]), [["a.md", "file"], [
      "deep",
      "directory",
    ]]);
    assert.deepEqual((await files.find("**/*.md")).paths, ["docs/a.md", "docs/deep/b.md"]);
    assert.deepEqual((await files.find("docs/?.md")).paths, ["docs/a.md"]);
    await files.write("docs/a.md", "drei", true);
    assert.equal(await readFile(`${root}/docs/a.md`, "utf8"), "drei");
  }));

test("files refuses paths that are not plainly below the root", () =>
  withRoot(async (root, outside) => {
    const files = new FileOperations({ root, write: true });
    const attacks = [
      "../outside/secret.txt",
      "a/../../outside/secret.txt",
      "..",
      "./..",
      `${outside}/secret.txt`,
      "/etc/passwd",
      "//etc/passwd",
      "..\\outside\\secret.txt",
      "a\\..\\b",
      "secret.txt\0.md",
      "\0",
      "a\nb",
      "a\u202etxt.exe",
      "a\u200bb",
      "\ud800",
      "file\u2028name",
    ];
    for (const attack of attacks) {
      await refused(() => files.read(attack), "permission_denied");
      await refused(() => files.list(attack), "permission_denied");
      await refused(() => files.write(attack, "x", false), "permission_denied");
      await refused(() => files.write(attack, "x", true), "permission_denied");
    }
    await refused(() => files.read("x/".repeat(600)), "invalid_argument");
    await refused(() => files.read("x/".repeat(100)), "invalid_argument");
    await refused(() => files.read("x".repeat(256)), "permission_denied");
    await refused(() => files.read("ä".repeat(128)), "permission_denied");
  }));

test("files takes encoded and look-alike dots for what they are: names", () =>
  withRoot(async (root) => {
    const files = new FileOperations({ root });
    const attacks = [
      "%2e%2e/outside",
      "．．/outside",
      "。。/outside",
      "‥/outside",
      "~/x",
      "$HOME",
      "...",
    ];
    for (const attack of attacks) {
      await refused(
        () => files.read(`${attack}/secret.txt`),
        attack === "..." ? "permission_denied" : "not_found",
      );
    }
  }));

test("files follows no symbolic link, neither as a file, a directory, nor a pattern's step", () =>
  withRoot(async (root, outside) => {
    const files = new FileOperations({ root, write: true });
    await symlink(`${outside}/secret.txt`, `${root}/link.txt`);
    await symlink(outside, `${root}/dir`);
    await symlink("link.txt", `${root}/chain`);
    await symlink(root, `${root}/self`);
    await symlink("nowhere", `${root}/dangling`);
    for (const name of ["link.txt", "chain", "dangling", "dir/secret.txt", "self/link.txt"]) {
      await refused(() => files.read(name), "permission_denied", /link/);
      await refused(() => files.write(name, "x", true), "permission_denied", /link/);
    }
    await refused(() => files.write("dangling", "x", false), "permission_denied", /taken/);
    await refused(() => files.list("dir"), "permission_denied", /link/);
    assert.deepEqual((await files.find("**/*")).paths, []);
    assert.ok((await files.list(".")).entries.every(({ type }) => type === "link"));
    assert.deepEqual(await readdir(outside), ["secret.txt"]);
    assert.equal(await readFile(`${outside}/secret.txt`, "utf8"), "SECRET");
  }));

test("files refuses hard links, FIFOs, devices and directories in place of files", () =>
  withRoot(async (root, outside) => {
    const files = new FileOperations({ root, write: true });
    await link(`${outside}/secret.txt`, `${root}/hard.txt`);
    execFileSync("mkfifo", [`${root}/fifo`]);
    await mkdir(`${root}/directory`);
    for (const name of ["hard.txt", "fifo", "directory"]) {
      const ms = await timed(() => refused(() => files.read(name), "permission_denied"));
      assert.ok(ms < 10_000, `${name} took ${ms} ms`);
      await refused(() => files.write(name, "x", true), "permission_denied");
    }
    assert.equal(await readFile(`${outside}/secret.txt`, "utf8"), "SECRET");
    const trusting = new FileOperations({ root, hardLinks: true });
    assert.equal((await trusting.read("hard.txt")).content, "SECRET");
  }));

test("files hides names that begin with a dot, in every part of a path", () =>
  withRoot(async (root) => {
    await mkdir(`${root}/.git/hooks`, { recursive: true });
    await writeFile(`${root}/.env`, "KEY=1");
    await writeFile(`${root}/.git/config`, "x");
    const files = new FileOperations({ root, write: true });
    for (const name of [".env", ".git/config", "./.env", "a/.ssh/id"]) {
      await refused(() => files.read(name), "permission_denied", /hidden/);
      await refused(() => files.write(name, "x", false), "permission_denied", /hidden/);
    }
    await refused(() => files.list(".git"), "permission_denied", /hidden/);
    assert.deepEqual((await files.list(".")).entries, []);
    assert.deepEqual((await files.find("**")).paths, []);
    assert.deepEqual((await files.find(".env")).paths, []);
    assert.equal((await new FileOperations({ root, hidden: true }).read(".env")).content, "KEY=1");
  }));

test("files refuses patterns that climb or are absolute", () =>
  withRoot(async (root) => {
    const files = new FileOperations({ root });
    for (const pattern of ["../*", "*/../../*", "/etc/*", "a//b", "..\\*", "**/../**"]) {
      await refused(() => files.find(pattern), "permission_denied");
    }
    await refused(() => files.find("**/**/**"), "invalid_argument");
    await refused(() => files.find("*".repeat(300)), "invalid_argument");
  }));

test("matchName() and matchPath() stay fast for patterns made to be slow", async () => {
  assert.ok(
    matchName("*.md", "a.md") && !matchName("*.md", "a.mdx") && matchName("*a*b*", "xaybz"),
  );
  assert.ok(matchPath(splitPattern("**/x/**/y"), ["a", "x", "b", "c", "y"]));
  assert.ok(!matchPath(splitPattern("**/x"), ["x", "y"]));
  const ms = await timed(() => {
    for (let i = 0; i < 1000; i++) {
      assert.equal(matchName("*a".repeat(100) + "b", "a".repeat(255)), false);
    }
    const names = Array.from({ length: 32 }, () => "a");
    for (let i = 0; i < 1000; i++) assert.equal(matchPath(["**", "a", "**", "b"], names), false);
  });
  assert.ok(ms < 15_000, `took ${ms} ms`);
});

test("files reads no more than the limit of a file that grows or lies about its size", () =>
  withRoot(async (root) => {
    const files = new FileOperations({ root, write: true, maxBytes: 1000 });
    await writeFile(`${root}/small`, "x".repeat(1000));
    assert.equal((await files.read("small")).content.length, 1000);
    await appendFile(`${root}/small`, "x");
    await refused(() => files.read("small"), "resource_exhausted");
    await writeFile(`${root}/sparse`, "");
    await truncate(`${root}/sparse`, 2 ** 40); // A terabyte that takes no room.
    const ms = await timed(() => refused(() => files.read("sparse"), "resource_exhausted"));
    assert.ok(ms < 10_000, `took ${ms} ms`);
    await refused(() => files.write("big", "x".repeat(1001), false), "resource_exhausted");
    await refused(() => files.write("big", "ä".repeat(501), false), "resource_exhausted");
    await writeFile(`${root}/binary`, new Uint8Array([0xff, 0xfe, 0x00]));
    await refused(() => files.read("binary"), "permission_denied", /UTF-8/);
  }));

test("files looks at a bounded number of names", () =>
  withRoot(async (root) => {
    for (let i = 0; i < 60; i++) await writeFile(`${root}/f${i}`, "");
    const files = new FileOperations({ root, maxEntries: 50 });
    const listing = await files.list(".");
    assert.deepEqual([listing.entries.length, listing.truncated], [50, true]);
    const found = await files.find("f*");
    assert.deepEqual([found.paths.length, found.truncated], [50, true]);
  }));

test("files is read-only unless told otherwise, and never overwrites unasked", () =>
  withRoot(async (root) => {
    await refused(() => new FileOperations({ root }).write("a", "x", false), "permission_denied");
    const files = new FileOperations({ root, write: true });
    await files.write("a", "one", false);
    await refused(() => files.write("a", "two", false), "permission_denied", /taken/);
    await refused(() => files.write("missing", "x", true), "not_found");
    await refused(() => files.write("no/such/directory", "x", false), "not_found");
    await refused(() => files.write("a", "\ud800", true), "permission_denied");
    assert.equal(await readFile(`${root}/a`, "utf8"), "one");
    assert.deepEqual(await readdir(root), ["a"], "no temporary file is left");
  }));

test("files reads nothing from outside while a directory is swapped for a link, over and over", () =>
  withRoot(async (root, outside) => {
    await mkdir(`${root}/dir`);
    await writeFile(`${root}/dir/secret.txt`, "PUBLIC");
    await symlink(outside, `${root}/evil`);
    const files = new FileOperations({ root });
    await using swapper = swapping(root);
    let publicly = 0;
    let turnedDown = 0;
    for (const more = turns(); more() || publicly === 0 || turnedDown === 0;) {
      await Promise.all(Array.from({ length: 8 }, () =>
        files.read("dir/secret.txt").then(
          ({ content }) => {
            assert.equal(content, "PUBLIC");
            publicly++;
          },
          (error: { code?: unknown }) => {
            assert.ok(
              error.code === "permission_denied" || error.code === "not_found",
              String(error),
            );
            turnedDown++;
          },
        )));
    }
    await swapper[Symbol.asyncDispose]();
    assert.ok(publicly > 0 && turnedDown > 0, `read ${publicly}, refused ${turnedDown}`);
  }));

test("files reads nothing from outside where there is no /proc either", () =>
  withRoot(async (root, outside) => {
    await mkdir(`${root}/dir`);
    await writeFile(`${root}/dir/secret.txt`, "PUBLIC");
    await symlink(outside, `${root}/evil`);
    const byPath = new Root(root, {}, true);
    await using swapper = swapping(root);
    const seen = new Map<string, number>();
    for (const more = turns(); more() || !seen.has("PUBLIC");) {
      await Promise.all(Array.from({ length: 8 }, async () => {
        const got = await byPath.beside("dir/secret.txt", async (directory, name) => {
          assert.equal(directory.pinned, false);
          const { bytes } = await readFileIn(directory, name, { maxBytes: 100 });
          return new TextDecoder().decode(bytes);
        }).catch((error: { code?: unknown }) => String(error.code));
        seen.set(got, (seen.get(got) ?? 0) + 1);
      }));
    }
    await swapper[Symbol.asyncDispose]();
    assert.equal(seen.has("SECRET"), false);
    assert.ok((seen.get("PUBLIC") ?? 0) > 0);
    assert.deepEqual(
      [...seen.keys()].filter((key) => !["PUBLIC", "permission_denied", "not_found"].includes(key)),
      [],
    );
  }));

test("files writes nothing outside while a directory is swapped for a link, over and over", () =>
  withRoot(async (root, outside) => {
    await mkdir(`${root}/dir`);
    await symlink(outside, `${root}/evil`);
    const files = new FileOperations({ root, write: true });
    await using swapper = swapping(root);
    let written = 0;
    const more = turns();
    for (let i = 0; more() || written === 0; i++) {
      await files.write(`dir/f${i}.txt`, "x", false).then(() => written++, () => {});
    }
    await swapper[Symbol.asyncDispose]();
    assert.ok(written > 0);
    assert.deepEqual(await readdir(outside), ["secret.txt"]);
    assert.equal((await readdir(`${root}/dir`)).length, written);
  }));

test("files keeps to the directory it opened when that is moved away in between", () =>
  withRoot(async (root, outside) => {
    await mkdir(`${root}/dir`);
    await writeFile(`${root}/dir/secret.txt`, "PUBLIC");
    await new Root(root).within(["dir"], async (directory) => {
      await rename(`${root}/dir`, `${root}/moved`);
      await symlink(outside, `${root}/dir`);
      const bytes = new TextEncoder().encode("x");
      if (directory.pinned) {
        const { bytes } = await readFileIn(directory, "secret.txt", { maxBytes: 100 });
        assert.equal(new TextDecoder().decode(bytes), "PUBLIC");
      } else {
        await refused(
          () => readFileIn(directory, "secret.txt", { maxBytes: 100 }),
          "permission_denied",
        );
      }
      await writeFileIn(directory, "new", { bytes, target: { create: true } }).catch(() => {});
    });
    assert.deepEqual(await readdir(outside), ["secret.txt"]);
  }));

test("writeFileIn() replaces only the file that was read", () =>
  withRoot(async (root, outside) => {
    await writeFile(`${root}/a`, "one");
    await new Root(root).within([], async (directory) => {
      const { identity, mode } = await readFileIn(directory, "a", { maxBytes: 10 });
      await rename(`${root}/a`, `${root}/b`);
      await symlink(`${outside}/secret.txt`, `${root}/a`);
      await refused(
        () =>
          writeFileIn(directory, "a", {
            bytes: new Uint8Array(),
            target: { replace: identity, mode },
          }),
        "permission_denied",
        /changed/,
      );
    });
    assert.equal(await readFile(`${outside}/secret.txt`, "utf8"), "SECRET");
    assert.deepEqual((await readdir(root)).sort(), ["a", "b"]);
  }));

test("writeFileIn() keeps permissions and drops the set-user-id bit", () =>
  withRoot(async (root) => {
    await writeFile(`${root}/script`, "one");
    execFileSync("chmod", ["4751", `${root}/script`]);
    await new FileOperations({ root, write: true }).write("script", "two", true);
    assert.equal((await stat(`${root}/script`)).mode & 0o7777, 0o751);
  }));

test("Root notices when another directory has taken its place", () =>
  withRoot(async (root, outside) => {
    const files = new FileOperations({ root });
    await rm(root, { recursive: true });
    await rename(outside, root);
    await refused(() => files.read("secret.txt"), "permission_denied", /place/);
    assert.throws(() => new Root(`${root}/secret.txt`), TypeError);
  }));

test("splitPath() gives the names and nothing else", () => {
  assert.deepEqual(splitPath("a/./b//c/"), ["a", "b", "c"]);
  assert.deepEqual(splitPath("."), []);
  assert.deepEqual(splitPath(""), []);
  assert.deepEqual(splitPath("a..b/c..."), ["a..b", "c..."]);
  assert.deepEqual(splitPath("__proto__"), ["__proto__"]);
});
