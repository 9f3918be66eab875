// Takes the place of `node:test` inside a Worker: collects the flat `test()`
// calls of one file and runs them inside a request, one after the other.

/** How one test ended inside the Worker. */
export interface WorkerResult {
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  readonly message: string;
}

interface TestOptions {
  readonly skip?: boolean | string;
  readonly timeout?: number;
}

type Body = () => unknown;

interface Collected {
  readonly name: string;
  readonly options: TestOptions;
  readonly body: Body;
}

let collecting: Collected[] | undefined;

/** `test(name, body)` and `test(name, { skip, timeout }, body)` of `node:test`. */
export function test(name: string, options: TestOptions | Body, body?: Body): Promise<void> {
  if (collecting === undefined) {
    throw new Error(
      `Cannot add test "${name}": only flat test() calls at the top of a file run in workerd`,
    );
  }
  if (typeof options === "function") collecting.push({ name, options: {}, body: options });
  else collecting.push({ name, options, body: body ?? (() => {}) });
  return Promise.resolve();
}

export { test as it };
export default test;

/** Loads one file, runs its tests and tells how each ended. */
export async function runFile(
  load: () => Promise<unknown>,
  testTimeoutMs: number,
): Promise<WorkerResult[]> {
  const tests: Collected[] = collecting = [];
  try {
    await load();
  } catch (error) {
    return [{ name: "(loading the file)", status: "failed", message: describe(error) }];
  } finally {
    collecting = undefined;
  }
  const results: WorkerResult[] = [];
  for (const { name, options, body } of tests) {
    if (options.skip) {
      const message = typeof options.skip === "string" ? options.skip : "";
      results.push({ name, status: "skipped", message });
      continue;
    }
    const message = await runTest(body, Math.min(options.timeout ?? testTimeoutMs, testTimeoutMs));
    results.push({ name, status: message === "" ? "passed" : "failed", message });
  }
  return results;
}

async function runTest(body: Body, timeoutMs: number): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${timeoutMs} ms`)), timeoutMs);
  });
  // Rejections nobody handles fail the test, as on the other runtimes.
  let stray: { readonly reason: unknown } | undefined;
  const onRejection = (event: Event) => {
    stray ??= { reason: (event as PromiseRejectionEvent).reason };
  };
  addEventListener("unhandledrejection", onRejection);
  try {
    await Promise.race([(async () => await body())(), limit]);
    // One turn of the event loop, so that late rejections are still this test's.
    await new Promise((resolve) => setTimeout(resolve, 0));
    return stray ? `unhandled rejection: ${describe(stray.reason)}` : "";
  } catch (error) {
    return describe(error);
  } finally {
    clearTimeout(timer);
    removeEventListener("unhandledrejection", onRejection);
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  const head = `${error.name}: ${error.message}`;
  const stack = error.stack ?? "";
  return stack.includes(error.message) ? stack : `${head}\n${stack}`;
}
