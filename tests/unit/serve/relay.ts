import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP relay that can go silent: it holds its connections and passes nothing on, as a dead network does. */
export class Relay implements AsyncDisposable {
  readonly port: number;
  /** How many connections were made to it. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #pairs: [Socket, Socket][];

  private constructor(
    server: Server,
    port: number,
    sockets: Set<Socket>,
    pairs: [Socket, Socket][],
  ) {
    this.#server = server;
    this.port = port;
    this.#sockets = sockets;
    this.#pairs = pairs;
  }

  /** Starts a relay to a port of this machine. */
  static async to(port: number): Promise<Relay> {
    const sockets = new Set<Socket>();
    const pairs: [Socket, Socket][] = [];
    const server = createServer((client) => {
      relay.connections++;
      const target = connect(port, "127.0.0.1");
      pairs.push([client, target]);
      for (const [from, to] of [[client, target], [target, client]] as const) {
        sockets.add(from);
        from.on("error", () => to.destroy());
        from.on("close", () => {
          sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port: own } = server.address() as { port: number };
    const relay = new Relay(server, own, sockets, pairs);
    return relay;
  }

  /** Passes nothing on any more over the connections that there are; new ones work. */
  silence(): void {
    for (const [client, target] of this.#pairs.splice(0)) {
      for (const socket of [client, target]) {
        socket.unpipe();
        socket.pause();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
