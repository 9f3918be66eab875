const REPLACEMENT = "\ufffd";
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/**
 * Decodes UTF-8, strictly. The runtimes' own strict decoders are slower by up
 * to ten times, so bytes are decoded leniently first, and once more only if
 * that has left the character which stands for what is not UTF-8.
 *
 * @throws {TypeError} If the bytes are not UTF-8.
 */
export function decodeUtf8(bytes: Uint8Array | ArrayBuffer): string {
  const text = decoder.decode(bytes);
  return text.includes(REPLACEMENT) ? strict.decode(bytes) : text;
}
