import { announce } from "../registry/announce.ts";
import { serve } from "../serve/serve.ts";
import { readArguments, readDuration, readPort } from "./arguments.ts";
import { EXIT, type Io, painter, UsageError } from "./io.ts";
import { loadAgents } from "./load_agents.ts";
import { openRegistry } from "./open_registry.ts";
import { readTls } from "./read_pem.ts";

/** What `agenkit serve --help` prints. */
export const SERVE_HELP = `Serve the agents that a module exports: over HTTP, WebSocket, Connect and
gRPC-Web at one port, and over what is asked for besides.

Usage: agenkit serve <module> [options]

  <module>               a path or URL; each exported agent is served, the
                         default export answers when a client names none

Options:
  -p, --port <n>         port to listen at, 0 for a free one      [8080]
      --hostname <name>  address to listen at, 0.0.0.0 for all    [127.0.0.1]
      --grpc <n>         port for gRPC, 0 for a free one; "shared" for the
                         same as that of HTTP
      --tcp <n>          port of a TCP socket besides, 0 for a free one
      --unix <path>      path of a Unix socket besides
      --default <name>   the agent that answers when none is named
      --max-timeout <d>  longest time a call may take, e.g. 30s   [10m]
      --drain <d>        how long to wait for calls when stopped  [30s]
      --cors <origin>    let web pages of this origin call; may be
                         repeated; * for all
      --cert <file>      TLS certificate (PEM), together with --key
      --key <file>       TLS private key (PEM)
      --registry <url>   keep the agents registered there while they are
                         served, e.g. redis://127.0.0.1:6379
      --advertise <url>  the URL to register; needed where --hostname means
                         all addresses                            [that of HTTP]
      --compression      compress answers for clients that take gzip
      --trust-tool-calls let tool calls in requests reach the agents
  -q, --quiet            print nothing but errors
  -h, --help             show this

SIGTERM or Ctrl+C drains: calls that run may end. A second one stops at once.
`;

/**
 * Runs `agenkit serve` until it is asked to stop, then drains.
 *
 * @returns The exit code.
 * @throws {UsageError} If the command line is wrong.
 */
export async function serveCommand(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = readArguments(args, {
    port: { type: "string", short: "p" },
    hostname: { type: "string" },
    grpc: { type: "string" },
    tcp: { type: "string" },
    unix: { type: "string" },
    default: { type: "string" },
    "max-timeout": { type: "string" },
    drain: { type: "string" },
    cors: { type: "string", multiple: true },
    cert: { type: "string" },
    key: { type: "string" },
    registry: { type: "string" },
    advertise: { type: "string" },
    compression: { type: "boolean" },
    "trust-tool-calls": { type: "boolean" },
    quiet: { type: "boolean", short: "q" },
    help: { type: "boolean", short: "h" },
  });
  if (values.help) {
    io.out(SERVE_HELP);
    return EXIT.ok;
  }
  const [module, ...rest] = positionals;
  if (module === undefined) throw new UsageError("serve needs a module that exports agents");
  if (rest.length > 0) throw new UsageError(`serve takes one module, got also "${rest[0]}"`);
  const hostname = values.hostname as string | undefined;
  const grpc = values.grpc as string | undefined;
  const tcp = values.tcp as string | undefined;
  const origins = values.cors as string[] | undefined;
  const maxTimeout = values["max-timeout"] as string | undefined;
  const drainTimeout = values.drain as string | undefined;
  const registryUrl = values.registry as string | undefined;
  const advertised = values.advertise as string | undefined;
  if (advertised !== undefined && registryUrl === undefined) {
    throw new UsageError("--advertise needs --registry");
  }
  if (registryUrl !== undefined && advertised === undefined && isEverywhere(hostname)) {
    throw new UsageError(
      `--registry needs --advertise where --hostname is ${hostname}: others cannot call that`,
    );
  }

  const agents = await loadAgents(module);
  const server = await serve(agents, {
    port: readPort("port", values.port as string | undefined ?? "8080"),
    hostname,
    grpc: grpc === undefined
      ? undefined
      : grpc === "shared"
      ? grpc
      : { port: readPort("grpc", grpc) },
    tcp: tcp === undefined ? undefined : readPort("tcp", tcp),
    unix: values.unix as string | undefined,
    defaultAgent: values.default as string | undefined,
    maxTimeoutMs: maxTimeout === undefined ? undefined : readDuration("max-timeout", maxTimeout),
    drainTimeoutMs: drainTimeout === undefined ? undefined : readDuration("drain", drainTimeout),
    cors: origins && { origins: origins.includes("*") ? "*" : origins },
    tls: await readTls(values.cert as string | undefined, values.key as string | undefined),
    compression: values.compression === true,
    trustToolCalls: values["trust-tool-calls"] === true,
  });
  const { bold, dim } = painter(io.colours);
  const say = (text: string) => {
    if (!values.quiet) io.out(`${text}\n`);
  };
  say(`Serving at ${server.endpoints.map(bold).join(", ")}`);
  for (const agent of agents) {
    const notes = [agent.stream ? "streams" : "", ...(agent.capabilities ?? [])].filter(Boolean);
    say(`  ${agent.name}${notes.length > 0 ? dim(` (${notes.join(", ")})`) : ""}`);
  }
  const registry = registryUrl === undefined ? undefined : await openRegistry(registryUrl);
  for (const agent of registry === undefined ? [] : agents) {
    const { name, capabilities } = agent;
    const endpoint = advertised ?? server.url;
    const announced = await announce(registry!.registry, { name, endpoint, capabilities }, {
      server,
      onError: (error) => io.err(`Not registered: ${(error as Error).message}\n`),
    });
    if (announced.state === "registered") say(dim(`  ${name} is registered at ${endpoint}`));
  }
  say(dim(`Try: agenkit call ${server.url} "hello"`));

  if (!io.stop.aborted) {
    await new Promise<void>((resolve) => {
      io.stop.addEventListener("abort", () => resolve(), { once: true });
    });
  }
  const { inFlight } = server;
  say(inFlight === 0 ? "Draining" : `Draining: waiting for ${inFlight} calls`);
  await server.drain();
  await registry?.close();
  say("Stopped");
  return EXIT.ok;
}

/** Whether an address means all of the machine's, so that nobody can call it. */
function isEverywhere(hostname: string | undefined): boolean {
  return hostname === "0.0.0.0" || hostname === "::";
}
