// Loaded into each of Node's test processes. A timer that outlives the tests
// would keep the process alive without end; here it fails the file by name.
import { after } from "node:test";
import process from "node:process";

/** Time for what is about to end anyway, such as a shared timer that is due. */
const GRACE_MS = 1_000;
const STEP_MS = 20;

function timersLeft(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
}

/** A wait that does not count as a timer that was left. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, STEP_MS).unref());
}

// The process that starts the others runs no tests.
if (process.env["NODE_TEST_CONTEXT"] !== undefined) {
  after(async () => {
    for (let waited = 0; timersLeft() > 0 && waited < GRACE_MS; waited += STEP_MS) await pause();
    const left = timersLeft();
    if (left === 0) return;
    // Once the failure has been reported, nobody has to wait for those timers.
    setTimeout(() => process.exit(1), GRACE_MS).unref();
    throw new Error(`${process.argv[1]}: its tests left ${left} timers running`);
  });
}
