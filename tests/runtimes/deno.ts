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
        // Types are checked by the architecture suite; here one error would hide every result.
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
        args: ["test", "-A", "--doc", "--no-check", `--junit-path=${report}`, ...files],
      }),
    }),
};
