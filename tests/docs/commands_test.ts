import assert from "node:assert/strict";
import { test } from "node:test";
import { root } from "../architecture/graph.ts";
import { pythonWithAgenkit } from "../interop/toolchain.ts";
import { readConfig } from "../runtimes/exports.ts";
import { runProcess } from "../runtimes/process.ts";
import { type DocServer, lazily, startEcho, startTask } from "./servers.ts";
import { programs, readSnippets } from "./snippets.ts";

/** The port documents write; another, free one takes its place. */
const PORT = /\b8080\b/g;
const TIMEOUT_MS = 300_000;
/** These run the tests, or run until they are stopped. */
const NOT_RUN = ["test", "ok", "bench"];

const config = await readConfig(root);
const snippets = await readSnippets();
const task = lazily(startTask);
const echo = lazily(startEcho);
const used = new Set<() => Promise<DocServer>>();

async function at(server: () => Promise<DocServer>, text: string): Promise<string> {
  if (text.search(PORT) < 0) return text;
  used.add(server);
  return text.replace(PORT, (await server()).port);
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const folder = Deno.execPath().replace(/\/[^/]*$/, "");
  const env = { PATH: `${folder}:${Deno.env.get("PATH") ?? ""}` };
  const ended = await runProcess({ command, args, env }, { cwd: root, timeoutMs: TIMEOUT_MS });
  const how = ended.timedOut ? `no end after ${TIMEOUT_MS / 1000} s` : `exit ${ended.code}`;
  assert.equal(ended.code, 0, `${how}\n${ended.startError ?? ended.output}`);
  assert.notEqual(ended.output.trim(), "", "it printed nothing");
  return ended.output;
}

async function tryCommand(line: string): Promise<void> {
  const command = line.replace(/^npx -y deno@[\d.]+ /, "deno ");
  const [, name] = /^deno task ([\w:-]+)/.exec(command) ?? [];
  if (name !== undefined) {
    assert.ok(config.tasks?.[name] !== undefined, `deno.json has no task "${name}"`);
    if (NOT_RUN.includes(name)) return;
    if (name === "start") {
      used.add(task);
      await task();
    } else await run("bash", ["-c", await at(task, command)]);
  } else if (/^deno run -A examples\/[\w/]+\.ts$/.test(command)) {
    await run("bash", ["-c", command]);
  } else if (command.startsWith("curl ")) {
    const output = await run("bash", ["-c", await at(echo, command)]);
    assert.match(output, /Echo: hello/);
  } else {
    assert.fail("no test knows this command: teach it to the test, or mark it `test: skip <why>`");
  }
}

/** The lines of a shell block; one that ends in a backslash goes on in the next. */
function commands(code: string): { readonly index: number; readonly text: string }[] {
  const found: { index: number; text: string }[] = [];
  let goesOn = false;
  for (const [index, line] of code.split("\n").entries()) {
    const last = found.at(-1);
    if (goesOn && last !== undefined) last.text += `\n${line}`;
    else found.push({ index, text: line });
    goesOn = line.endsWith("\\");
  }
  return found;
}

for (const { file, line, language, code, directive } of snippets) {
  if (!["sh", "bash", "shell"].includes(language)) continue;
  for (const { index, text } of commands(code)) {
    if (text.trim() === "" || text.trim().startsWith("#")) continue;
    const name = `${file}:${line + index} ${
      text.replace(/\s{2,}#.*/, "").split("\n", 1)[0]?.slice(0, 60)
    }`;
    // Deno's reports keep the names of what was skipped, but not the reasons.
    if (directive.kind === "skip") {
      test(`${name} (${directive.reason})`, { skip: directive.reason }, () => {});
    } else test(name, () => tryCommand(text.trim()));
  }
}

/** Runs the programs of one language, each put into a file, against the echo agent. */
function tryPrograms(
  language: string,
  extension: string,
  command: (path: string) => readonly string[],
  missing: string | undefined,
): void {
  for (const { file, line, code, directive } of programs(snippets, [language])) {
    const name = `${file}:${line} ${language} calls the server`;
    const skip = directive.kind === "skip"
      ? directive.reason
      : Deno.env.get("CI") !== "true" && missing;
    test(name, { skip }, async () => {
      assert.equal(missing, undefined, missing);
      const folder = `${root}/.cache/test/documents/${language}`;
      await Deno.mkdir(folder, { recursive: true });
      const path = `${folder}/${file.replaceAll(/\W+/g, "_")}_${line}.${extension}`;
      await Deno.writeTextFile(path, await at(echo, code));
      const [program = "", ...args] = command(path);
      assert.match(await run(program, args), /Echo: hello/);
    });
  }
}

async function findGo(): Promise<string | undefined> {
  const chosen = Deno.env.get("AGENKIT_TEST_GO");
  for (const go of chosen ? [chosen] : ["go", "/usr/local/go/bin/go"]) {
    const line = { command: go, args: ["version"] };
    if ((await runProcess(line, { cwd: root, timeoutMs: 60_000 })).code === 0) return go;
  }
  return undefined;
}

const python = await pythonWithAgenkit();
const go = await findGo();
const pythonPath = "path" in python ? python.path : "";
tryPrograms(
  "python",
  "py",
  (path) => [pythonPath, path],
  "missing" in python ? python.missing : undefined,
);
tryPrograms(
  "go",
  "go",
  (path) => [go ?? "", "run", path],
  go === undefined ? "no Go found" : undefined,
);

test("documents: the Deno they fetch is the one that is tested", async () => {
  const pinned = /^wanted=(.*)$/m.exec(await Deno.readTextFile(`${root}/.ci/run`))?.[1];
  for (const { file, line, code } of snippets) {
    for (const [, version] of code.matchAll(/\bdeno@([\d.]+)/g)) {
      assert.equal(version, pinned, `${file}:${line} names another Deno than .ci/run`);
    }
  }
});

test("documents: the servers that were started drain and end", async () => {
  for (const server of used) assert.equal(await (await server()).stop(), "");
});
