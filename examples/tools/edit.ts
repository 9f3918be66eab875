/**
 * Edits of text files, for a model: an exact text is replaced that occurs as
 * often as the model says, by an atomic write, and can be taken back. No
 * patterns: a model's regular expression can take for ever.
 *
 * @module
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { type Tool, tool } from "@agenkit/agenkit";
import { demo } from "./lib/demo.ts";
import { type EditOptions, Editor } from "./lib/text/editor.ts";

/** Makes the tool. Its memory of edits is its own and ends with it. */
export function edit(options: EditOptions): Tool {
  const editor = new Editor(options);
  const maxText = 64 * 1024;
  return tool({
    name: "edit",
    description: "Edits a text file. Actions: replace (path, old_text, new_text; old_text must " +
      "occur exactly once, or exactly count times), undo (path) takes the last edit back.",
    parameters: {
      type: "object",
      properties: {
        action: { enum: ["replace", "undo"] },
        path: { type: "string", maxLength: 1024 },
        old_text: { type: "string", minLength: 1, maxLength: maxText },
        new_text: { type: "string", maxLength: maxText },
        count: { type: "integer", minimum: 1, maximum: 1000 },
      },
      required: ["action", "path"],
      additionalProperties: false,
    },
    execute: async (args, { signal }) => {
      const { action, path, old_text = "", new_text = "", count = 1 } = args;
      return action === "undo"
        ? await editor.undo(path, signal)
        : await editor.replace(path, old_text, new_text, count, signal);
    },
  });
}

if (import.meta.main) {
  const root = await mkdtemp(`${tmpdir()}/agenkit-edit-`);
  try {
    await writeFile(`${root}/a.ts`, "const a = 1;\nconst b = 1;\n");
    const path = "a.ts";
    await demo(edit({ root }), [
      ["One place", { action: "replace", path, old_text: "a = 1", new_text: "a = 2" }],
      ["More places than said", { action: "replace", path, old_text: "const", new_text: "let" }],
      ["Empty old text", { action: "replace", path, old_text: "", new_text: "// hi" }],
      ["A dollar is a dollar", { action: "replace", path, old_text: "b = 1", new_text: "b = $&" }],
      ["And back", { action: "undo", path }],
    ]);
  } finally {
    await rm(root, { recursive: true });
  }
}
