/** What every HTTP/2 connection begins with, RFC 9113 section 3.4. */
const PREFACE = "PRI * HTTP/2.0";

/** Whether the first bytes of a connection are those of HTTP/2. */
export function beginsWithPreface(head: Uint8Array): boolean {
  const text = new TextDecoder().decode(head.subarray(0, PREFACE.length));
  return text.length >= 3 && PREFACE.startsWith(text);
}
