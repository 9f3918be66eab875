/**
 * The code that is generated from the protobuf files, of the package and of the
 * Go peer of its tests.
 *
 * @module
 */
import { goPlugins } from "../interop/toolchain.ts";
import type { Missing } from "../runtimes/runtime.ts";
import { type Buf, findBuf } from "./buf.ts";

/** Code of one language. */
export interface Generated {
  /** Where it is, relative to the repository. */
  readonly folder: string;
  /** Finds or installs what generates it. */
  find(): Promise<Buf | Missing>;
  /** What `buf` is told besides where to put it. */
  readonly args: readonly string[];
}

/** All of it. */
export const GENERATED: readonly Generated[] = [
  { folder: "src/gen", find: () => findBuf(), args: ["generate"] },
  {
    folder: "tests/interop/go_rpc/agentpb",
    find: async () => {
      const plugins = await goPlugins();
      return "missing" in plugins ? plugins : await findBuf(plugins.path);
    },
    args: [
      "generate",
      "--template",
      "tests/interop/go_rpc/buf.gen.yaml",
      "--path",
      "proto/agent.proto",
    ],
  },
];
