/**
 * Generates the code of the protobuf files anew: `deno task gen`.
 *
 * @module
 */
import { GENERATED } from "./generated.ts";

for (const { folder, find, args } of GENERATED) {
  const buf = await find();
  if ("missing" in buf) {
    console.error(`${folder} is left as it is: ${buf.missing}`);
    Deno.exitCode = 1;
  } else {
    await buf(...args);
    console.log(`${folder} is fresh`);
  }
}
