import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/**
 * A socket whose first bytes were read already, as a stream that begins with
 * them. Node's HTTP/2 reads a bare socket below its stream and would neither
 * see these bytes nor, once the stream has flowed, learn that the peer left.
 */
export function duplexOf(socket: Socket, head: Uint8Array): Duplex {
  const duplex = new Duplex({
    read: () => void socket.resume(),
    write: (chunk, encoding, done) => void socket.write(chunk, encoding, done),
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  duplex.push(head);
  socket.on("data", (chunk: Uint8Array) => {
    if (!duplex.push(chunk)) socket.pause();
  });
  socket.once("end", () => duplex.push(null));
  socket.once("close", () => duplex.destroy());
  socket.on("error", () => duplex.destroy());
  return duplex;
}
