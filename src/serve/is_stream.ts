/** The types of answers that may come in chunks: of HTTP, of Connect and of gRPC-Web. */
const STREAM_TYPE = /^(?:text\/event-stream|application\/connect\+|application\/grpc-web)/;

/** Whether an answer of a type comes in chunks, with time between them. */
export function isStream(contentType: string | null | undefined): boolean {
  return STREAM_TYPE.test(contentType ?? "");
}
