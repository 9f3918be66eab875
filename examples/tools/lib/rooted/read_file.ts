import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { quote, refuse, tooMuch } from "../refuse.ts";
import { type Directory, entryError } from "./directory.ts";

/** How a file is read. */
export interface ReadLimits {
  /** How many bytes at most. */
  readonly maxBytes: number;
  /** Whether files with several names are read; one name may be outside the root. */
  readonly hardLinks?: boolean | undefined;
  /** Whether only the checks are made and nothing is read. */
  readonly headOnly?: boolean;
  /** Stops the reading. */
  readonly signal?: AbortSignal | undefined;
}

/** A file as it was when it was opened. */
export interface FileContent {
  readonly bytes: Uint8Array;
  readonly mode: number;
  readonly modifiedMs: number;
  /** Which file it is, whatever its name: device and inode. */
  readonly identity: string;
}

// Without O_NONBLOCK the opening of a FIFO waits for a writer, for ever.
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CHUNK = 64 * 1024;

/**
 * Reads a regular file in an open directory. All checks are made on the open
 * file and not on its name, and the limit counts what was read, since a size
 * asked for beforehand may be wrong by the time of reading.
 *
 * @throws {AgenkitError} If it is a link, a device or too large.
 */
export async function readFileIn(
  directory: Directory,
  name: string,
  limits: ReadLimits,
): Promise<FileContent> {
  let handle: FileHandle;
  try {
    handle = await open(`${directory.via}/${name}`, FILE);
  } catch (error) {
    throw entryError(error, name, "a regular file");
  }
  try {
    const found = await handle.stat({ bigint: true });
    if (!found.isFile()) throw refuse(`Cannot read ${quote(name)}: expected a regular file`);
    if (found.nlink > 1n && limits.hardLinks !== true) {
      throw refuse(`Cannot read ${quote(name)}: files with several hard links are refused`);
    }
    await directory.confirm(handle, name);
    return {
      bytes: limits.headOnly === true ? new Uint8Array() : await readBounded(handle, name, limits),
      mode: Number(found.mode) & 0o777,
      modifiedMs: Number(found.mtimeMs),
      identity: `${found.dev}:${found.ino}`,
    };
  } finally {
    await handle.close();
  }
}

async function readBounded(
  handle: FileHandle,
  name: string,
  { maxBytes, signal }: ReadLimits,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    signal?.throwIfAborted();
    const chunk = new Uint8Array(Math.min(CHUNK, maxBytes - total + 1));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) break;
    chunks.push(chunk.subarray(0, bytesRead));
    total += bytesRead;
    if (total > maxBytes) {
      throw tooMuch(`Cannot read ${quote(name)}: expected at most ${maxBytes} bytes, got more`);
    }
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/**
 * Decodes UTF-8 and keeps a byte order mark, so that encoding gives the same
 * bytes again.
 *
 * @throws {AgenkitError} `permission_denied` if it is not UTF-8 text.
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuse(`Cannot use ${quote(name)}: expected UTF-8 text`);
  }
}
