import { lstat, mkdir, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { AgenkitError } from "../../core/errors.ts";

/** How long another server may take to show that it lives, in milliseconds. */
const PROBE_MS = 1000;

/**
 * Makes room for a Unix socket: its directory, if there is none, for this user
 * alone, and a socket that nobody listens at any more is removed.
 *
 * @throws {AgenkitError} `already_exists` if somebody listens there, or something else has that name.
 */
export async function preparePath(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const found = await fileAt(path);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new AgenkitError(
      "already_exists",
      `Cannot listen at unix://${path}: there is a file of that name that is no socket`,
    );
  }
  if (await isAlive(path)) {
    throw new AgenkitError(
      "already_exists",
      `Cannot listen at unix://${path}: another server listens there`,
    );
  }
  await unlink(path);
}

async function fileAt(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether anybody listens: only a refusal says for sure that nobody does. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const timer = setTimeout(() => done(true), PROBE_MS);
    const done = (alive: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(alive);
    };
    socket.once("connect", () => done(true));
    socket.once("error", (error: { code?: unknown }) => {
      if (error.code === "ECONNREFUSED") return done(false);
      clearTimeout(timer);
      reject(error);
    });
  });
}
