import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";

/** gzip by web APIs, for every runtime. */
export const gzip: Compression = {
  name: "gzip",
  compress: (bytes) => transform(bytes, new CompressionStream("gzip"), Infinity),
  async decompress(bytes, readMaxBytes) {
    if (bytes.byteLength === 0) return new Uint8Array();
    try {
      return await transform(bytes, new DecompressionStream("gzip"), readMaxBytes);
    } catch (error) {
      if (error instanceof ConnectError) throw error;
      // No cause: by one, errors of the network are told.
      throw new ConnectError("Cannot decompress the message: expected gzip", Code.InvalidArgument);
    }
  },
};

/** What a small message may become is bounded while it is read, not after. */
async function transform(
  bytes: Uint8Array,
  stream: CompressionStream | DecompressionStream,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(stream)
    .getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > limit) {
      reader.cancel().catch(() => {});
      throw new ConnectError(
        `The message is too large: expected at most ${limit} bytes after decompression`,
        Code.ResourceExhausted,
      );
    }
    chunks.push(value as Uint8Array<ArrayBuffer>);
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}
