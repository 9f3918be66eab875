/**
 * Files below one directory, for a model: reading, listing, finding, and
 * writing where that is allowed. Paths are walked one name at a time from an
 * open directory, so neither `..`, nor links, nor swapping directories at the
 * right moment lead out.
 *
 * @module
 */
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { type Tool, tool } from "@agenkit/agenkit";
import { demo } from "./lib/demo.ts";
import { FileOperations, type FilesOptions } from "./lib/rooted/operations.ts";

/** Makes the tool. It only reads, unless `write` is set. */
export function files(options: FilesOptions): Tool {
  const operations = new FileOperations(options);
  const actions = ["read", "list", "find", ...options.write === true ? ["write"] : []];
  return tool({
    name: "files",
    description: "Works with text files in one directory, by relative paths. " +
      "Actions: read (path), list (path of a directory), " +
      "find (pattern of names with * and ?, and ** for directories)" +
      (options.write === true ? ", write (path, content; overwrite: true to replace)." : "."),
    parameters: {
      type: "object",
      properties: {
        action: { enum: actions },
        path: { type: "string", maxLength: 1024 },
        pattern: { type: "string", maxLength: 256 },
        content: { type: "string" },
        overwrite: { type: "boolean" },
      },
      required: ["action"],
      additionalProperties: false,
    },
    execute: async (args, { signal }) => {
      const { action, path = ".", pattern = "*", content = "", overwrite = false } = args;
      switch (action) {
        case "read":
          return await operations.read(path, signal);
        case "list":
          return await operations.list(path, signal);
        case "find":
          return await operations.find(pattern, signal);
        default:
          return await operations.write(path, content, overwrite);
      }
    },
  });
}

if (import.meta.main) {
  const root = await mkdtemp(`${tmpdir()}/agenkit-files-`);
  try {
    await writeFile(`${root}/notes.md`, "# Notes\nBuy milk.\n");
    await symlink("/etc/passwd", `${root}/innocent.txt`);
    await demo(files({ root, write: true }), [
      ["Writing a new file", { action: "write", path: "todo.md", content: "- call Ada\n" }],
      ["Listing names links as links", { action: "list" }],
      ["Reading", { action: "read", path: "notes.md" }],
      ["Up and out", { action: "read", path: "../../etc/passwd" }],
      ["A link is not followed", { action: "read", path: "innocent.txt" }],
      ["Nor does a pattern climb", { action: "find", pattern: "../*" }],
    ]);
  } finally {
    await rm(root, { recursive: true });
  }
}
