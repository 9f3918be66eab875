import type { Runtime } from "./runtime.ts";

/** The Deno that runs the runner. */
export const deno: Runtime = {
  name: "deno",
  everyFileHasTests: true,
  find: () =>
    Promise.resolve({
      label: `Deno ${Deno.version.deno}`,
      command: (files, { report }) => ({
        command: Deno.execPath(),
        // Types are checked once, by the architecture suite.
        args: ["test", "-A", "--no-check", `--junit-path=${report}`, ...files],
      }),
    }),
};

/** Deno running the examples inside doc comments. */
export const denoDoc: Runtime = {
  name: "deno doc",
  everyFileHasTests: false,
  find: () =>
    Promise.resolve({
      label: `Deno ${Deno.version.deno}`,
      command: (files, { report }) => ({
        command: Deno.execPath(),
        args: ["test", "-A", "--doc", `--junit-path=${report}`, ...files],
      }),
    }),
};
