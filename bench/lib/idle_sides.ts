/**
 * The two sides of many idle connections, each in a process of its own:
 * `server` prints its URL, and its memory for each line that it reads;
 * `client <url> <count>` connects, makes one call on each connection, prints a
 * line, and holds them until its input ends.
 *
 * @module
 */
import process from "node:process";

/** How many connections are made at once. */
const AT_ONCE = 100;

/**
 * Plays the side that the command line names.
 *
 * @param serve Starts a server; its URL.
 * @param connect Connects to that, and makes one call.
 */
export async function playSide(
  serve: () => Promise<string>,
  connect: (url: string) => Promise<void>,
): Promise<void> {
  const [role, url, count] = process.argv.slice(2);
  if (role === "server") {
    console.log(await serve());
    process.stdin.on("data", () => {
      (globalThis as { gc?: () => void }).gc?.();
      console.log(process.memoryUsage().rss);
    });
  } else {
    const lane = async () => {
      for (let i = 0; i < Number(count) / AT_ONCE; i++) await connect(url!);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    console.log("connected");
    process.stdin.resume();
  }
  process.stdin.on("end", () => process.exit(0));
}
