/**
 * Long-running programs for a model: started from an allow-list, watched,
 * signalled and ended. Only what was started here can be named at all.
 *
 * @module
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { type Tool, tool } from "@agenkit/agenkit";
import { demo } from "./lib/demo.ts";
import type { ProgramPolicy } from "./lib/process/arguments.ts";
import { SIGNALS } from "./lib/process/jobs.ts";
import { type ProcessesOptions, ProcessKeeper } from "./lib/process/process_keeper.ts";

const STRINGS = {
  type: "array",
  items: { type: "string", maxLength: 1024 },
  maxItems: 20,
} as const;

/** The tool, which has to be closed: `await using` ends all it has started. */
export type ProcessesTool = Tool & AsyncDisposable;

/** Makes the tool. */
export function processes(options: ProcessesOptions): ProcessesTool {
  const keeper = new ProcessKeeper(options);
  const made = tool({
    name: "processes",
    description: "Runs programs in the background. Actions: start (program, options, words, " +
      "paths) gives an id; list; output (id) gives the end of what it wrote; wait (id); " +
      `signal (id, signal: ${SIGNALS.join(", ")}).`,
    parameters: {
      type: "object",
      properties: {
        action: { enum: ["start", "list", "output", "wait", "signal"] },
        program: { enum: keeper.names },
        options: STRINGS,
        words: STRINGS,
        paths: STRINGS,
        id: { type: "string", maxLength: 20 },
        signal: { enum: [...SIGNALS] },
      },
      required: ["action"],
      additionalProperties: false,
    },
    execute: async (args, { signal }) => {
      const { action, program = "", id = "", signal: kind = "", ...requested } = args;
      switch (action) {
        case "start":
          return await keeper.start(program, requested);
        case "list":
          return await keeper.list();
        case "output":
          return keeper.output(id);
        case "wait":
          return await keeper.wait(id, signal);
        default:
          return keeper.signal(id, kind);
      }
    },
  });
  return { ...made, [Symbol.asyncDispose]: () => keeper.close() };
}

/** Follows a file, as somebody who waits for a log would. */
const FOLLOW: Readonly<Record<string, ProgramPolicy>> = {
  tail: { flags: ["-f"], values: { "-n": /[0-9]{1,4}/ }, paths: { min: 1, max: 1 } },
};

if (import.meta.main) {
  const root = await mkdtemp(`${tmpdir()}/agenkit-processes-`);
  try {
    await writeFile(`${root}/app.log`, "started\n");
    await using tools = processes({ root, programs: FOLLOW, waitMs: 100 });
    const start = { action: "start", program: "tail", options: ["-f"], paths: ["app.log"] };
    await demo(tools, [
      ["Start", start],
      ["It runs on", { action: "wait", id: "p1" }],
      ["What it has written", { action: "output", id: "p1" }],
      ["Somebody else's process", { action: "signal", id: "1", signal: "SIGKILL" }],
      ["Its own", { action: "signal", id: "p1", signal: "SIGTERM" }],
      ["And it has ended", { action: "wait", id: "p1" }],
    ]);
  } finally {
    await rm(root, { recursive: true });
  }
}
