/**
 * Generates the code of the protobuf files anew: `deno task gen`.
 *
 * @module
 */
import { findBuf, GENERATED } from "./buf.ts";

const buf = await findBuf();
if ("missing" in buf) {
  console.error(buf.missing);
  Deno.exit(1);
}
await buf("generate");
console.log(`${GENERATED} is fresh`);
