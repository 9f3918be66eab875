import MiniSearch from "minisearch";
import { invalid } from "../refuse.ts";
import type { Directory } from "../rooted/directory.ts";
import { type Entry, walk } from "../rooted/list.ts";
import { readFileIn } from "../rooted/read_file.ts";
import { Root } from "../rooted/root.ts";
import { snippet, titleOf } from "./passage.ts";

/** What is searched. */
export interface SearchOptions {
  /** The folder with the documents; folders in it count too. */
  readonly folder: string;
  /**
   * How many documents are read.
   *
   * @default {2000}
   */
  readonly maxDocuments?: number;
  /**
   * How many bytes a document may have; larger ones are left out.
   *
   * @default {262144}
   */
  readonly maxDocumentBytes?: number;
  /**
   * How many bytes are read of all documents together.
   *
   * @default {33554432}
   */
  readonly maxTotalBytes?: number;
}

interface Document {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

/** A document that was found. */
export type Hit = {
  readonly path: string;
  readonly title: string;
  readonly passage: string;
  readonly score: number;
};

const MAX_QUERY = 200;
const MAX_WORDS = 12;
const MAX_HITS = 10;

/** Documents of a folder, indexed when first searched. */
export class DocumentIndex {
  readonly #root: Root;
  readonly #maxDocuments: number;
  readonly #maxDocumentBytes: number;
  readonly #maxTotalBytes: number;
  #loaded: Promise<Loaded> | undefined;

  constructor(options: SearchOptions) {
    this.#root = new Root(options.folder);
    this.#maxDocuments = options.maxDocuments ?? 2000;
    this.#maxDocumentBytes = options.maxDocumentBytes ?? 256 * 1024;
    this.#maxTotalBytes = options.maxTotalBytes ?? 32 * 1024 * 1024;
  }

  /** The best documents for a few words. */
  async search(
    query: string,
    limit: number,
    signal?: AbortSignal,
  ): Promise<{ documents: number; left_out: number; hits: readonly Hit[] }> {
    if (query.length > MAX_QUERY) {
      throw invalid(`Cannot search: expected at most ${MAX_QUERY} characters, got ${query.length}`);
    }
    const words = query.split(/[^\p{L}\p{N}_]+/u).filter((word) => word !== "");
    if (words.length === 0 || words.length > MAX_WORDS) {
      throw invalid(`Cannot search: expected 1 to ${MAX_WORDS} words, got ${words.length}`);
    }
    signal?.throwIfAborted();
    // Not stopped by this caller's signal: others wait for the same index.
    this.#loaded ??= this.#load().catch((error) => {
      this.#loaded = undefined;
      throw error;
    });
    const { index, documents, leftOut } = await this.#loaded;
    signal?.throwIfAborted();
    const found = index.search(words.join(" "), {
      boost: { title: 2 },
      prefix: (word) => word.length > 2,
      // A fifth of the letters, at most two: more makes the search slow and pointless.
      fuzzy: (word) => word.length > 4 ? 0.2 : false,
      maxFuzzy: 2,
    });
    const hits = found.slice(0, Math.min(limit, MAX_HITS)).map(({ id, score, terms }): Hit => {
      const { title, text } = documents.get(id)!;
      return { path: id, title, passage: snippet(text, terms), score: Number(score.toFixed(3)) };
    });
    return { documents: documents.size, left_out: leftOut, hits };
  }

  async #load(): Promise<Loaded> {
    const documents = new Map<string, Document>();
    let bytes = 0;
    let leftOut = 0;
    const visit = async (directory: Directory, names: readonly string[], entry: Entry) => {
      if (!/\.(?:md|markdown)$/i.test(entry.name)) return true;
      const file = await readFileIn(directory, entry.name, { maxBytes: this.#maxDocumentBytes })
        .catch(() => undefined); // A link by now, too large or gone.
      if (file === undefined || bytes + file.bytes.length > this.#maxTotalBytes) {
        leftOut++;
        return true;
      }
      bytes += file.bytes.length;
      const text = new TextDecoder().decode(file.bytes);
      const id = names.join("/");
      documents.set(id, { id, title: titleOf(text, entry.name), text });
      return documents.size < this.#maxDocuments;
    };
    const limits = { policy: this.#root.policy, maxVisited: 20_000, maxDepth: 16 };
    await this.#root.within([], (root) => walk(root, limits, visit));
    const index = new MiniSearch<Document>({ fields: ["title", "text"] });
    index.addAll([...documents.values()]);
    return { index, documents, leftOut };
  }
}

interface Loaded {
  readonly index: MiniSearch<Document>;
  readonly documents: ReadonlyMap<string, Document>;
  readonly leftOut: number;
}
