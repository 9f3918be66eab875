/** Below this many characters compressing costs more than it saves. */
const MIN_LENGTH = 1024;

/**
 * Compresses an answer with gzip if the client takes it and it is worth it.
 * Streams are left alone: a compressor would hold their chunks back.
 */
export function compressed(request: Request, body: string, headers: Headers): BodyInit {
  headers.append("vary", "accept-encoding");
  if (body.length < MIN_LENGTH || !acceptsGzip(request.headers.get("accept-encoding"))) return body;
  headers.set("content-encoding", "gzip");
  return new Blob([body]).stream().pipeThrough(new CompressionStream("gzip"));
}

function acceptsGzip(value: string | null): boolean {
  return (value ?? "").split(",").some((part) => {
    const [name, ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const refused = parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    return (name === "gzip" || name === "*") && !refused;
  });
}
