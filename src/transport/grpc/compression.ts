import { promisify } from "node:util";
import { gunzip, gzip as deflate, type ZlibOptions } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";

type Bytes = Uint8Array<ArrayBuffer>;

const compress = promisify(deflate) as (bytes: Uint8Array) => Promise<Bytes>;
const decompress = promisify(gunzip) as (bytes: Uint8Array, options: ZlibOptions) => Promise<Bytes>;

/** gzip by `node:zlib`, which costs less than web streams for the many small messages of RPCs. */
export const gzip: Compression = {
  name: "gzip",
  compress: (bytes) => compress(bytes),
  async decompress(bytes, maxBytes) {
    if (bytes.length === 0) return new Uint8Array();
    try {
      return await decompress(bytes, { maxOutputLength: maxBytes });
    } catch (error) {
      const tooLarge = (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE";
      throw tooLarge
        ? new ConnectError(
          `The message is larger than the ${maxBytes} bytes that are allowed once it is decompressed`,
          Code.ResourceExhausted,
        )
        : new ConnectError("The message cannot be decompressed: expected gzip", Code.Internal);
    }
  },
};
