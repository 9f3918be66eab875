import { readFile } from "node:fs/promises";
import { UsageError } from "./io.ts";

/**
 * Reads a file of certificates or a key.
 *
 * @param option The option that names it.
 * @throws {UsageError} If it cannot be read.
 */
export async function readPem(option: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new UsageError(`--${option} cannot be read: ${(cause as Error).message}`);
  }
}

/**
 * Reads the files of a certificate and its key.
 *
 * @throws {UsageError} If there is only one, or one cannot be read.
 */
export async function readTls(
  cert: string | undefined,
  key: string | undefined,
): Promise<{ readonly cert: string; readonly key: string } | undefined> {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new UsageError("--cert and --key are needed together");
  }
  return { cert: await readPem("cert", cert), key: await readPem("key", key) };
}
