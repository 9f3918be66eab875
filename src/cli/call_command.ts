import type { CallOptions } from "../core/call.ts";
import { systemClock } from "../core/clock.ts";
import { codeOf } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import { type Message, message, text } from "../core/message.ts";
import type { StreamingAgent } from "../core/agent.ts";
import type { RemoteAgentOptions } from "../remote/options.ts";
import { remoteAgent } from "../remote/remote_agent.ts";
import { readArguments, readDuration, readHeaders } from "./arguments.ts";
import { EXIT, type Io, painter, UsageError } from "./io.ts";
import { openRegistry } from "./open_registry.ts";
import { readPem } from "./read_pem.ts";

/** What `agenkit call --help` prints. */
export const CALL_HELP = `Call an agent and print its answer.

Usage: agenkit call <url> [text] [options]
       agenkit call <name> [text] --registry <url> [options]

  <url>                  where the agent is: http://127.0.0.1:8080, h2c:, h3:,
                         ws:, grpc:, tcp:, unix:///path, connect+http:,
                         grpc-web+http:, and those with TLS: https:, wss:,
                         grpcs:, tcps:; a host alone means http:
  <name>                 the agent's name in a registry
  [text]                 what to say; read from standard input if left out

Options:
  -s, --stream           print the answer as it comes
  -t, --timeout <d>      how long to wait, e.g. 500ms, 10s, 1m    [30s]
  -n, --name <agent>     which agent, where the server has several
      --role <role>      role of the message                      [user]
      --metadata <json>  metadata of the message, a JSON object
  -H, --header <h>       a header, "Name: value"; may be repeated
      --ca <file>        who signed the server's certificate (PEM), for tcps:
                         and grpcs:
      --registry <url>   look the agent up there, e.g. redis://127.0.0.1:6379
      --json             print messages as JSON, one a line
  -h, --help             show this

Exit code: 0 answered, 1 the agent failed, 2 wrong usage, 3 not reachable,
4 timed out, 130 interrupted, or nobody reads the output any more.
`;

/**
 * Runs `agenkit call`.
 *
 * @returns The exit code.
 * @throws {UsageError} If the command line is wrong.
 */
export async function callCommand(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = readArguments(args, {
    stream: { type: "boolean", short: "s" },
    timeout: { type: "string", short: "t" },
    name: { type: "string", short: "n" },
    role: { type: "string" },
    metadata: { type: "string" },
    header: { type: "string", short: "H", multiple: true },
    ca: { type: "string" },
    registry: { type: "string" },
    json: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  });
  if (values.help) {
    io.out(CALL_HELP);
    return EXIT.ok;
  }
  const [url, said, ...rest] = positionals;
  if (url === undefined) throw new UsageError("call needs the URL of an agent");
  if (rest.length > 0) throw new UsageError(`call takes one text, got also "${rest[0]}"; quote it`);
  const content = said ?? await io.input();
  if (content === undefined) throw new UsageError("call needs a text, or one on standard input");
  const timeoutMs = readDuration("timeout", values.timeout as string | undefined ?? "30s");
  const metadata = readMetadata(values.metadata as string | undefined);
  const question = message(values.role as string | undefined || "user", content, metadata);
  const headers = readHeaders(values.header as string[] | undefined ?? []);
  const tls = values.ca === undefined
    ? undefined
    : { ca: await readPem("ca", values.ca as string) };
  const target = await connect(url, values.registry as string | undefined, {
    name: values.name as string | undefined,
    timeoutMs,
    headers: Object.keys(headers).length === 0 ? undefined : headers,
    socket: { tls },
    grpc: { tls },
  });

  const call: CallOptions = { signal: io.stop, deadline: systemClock.now() + timeoutMs };
  let begun = false;
  const write = async (answer: Message, end: string) => {
    begun = true;
    await io.out(values.json ? `${JSON.stringify(answer)}\n` : text(answer) + end);
  };
  try {
    if (!values.stream) await write(await target.agent.process(question, call), "\n");
    else {
      for await (const chunk of target.agent.stream(question, call)) await write(chunk, "");
      if (!values.json) await io.out("\n");
    }
    return EXIT.ok;
  } catch (error) {
    if (io.stop.aborted) return EXIT.interrupted;
    // What is left of an answer ends its line before the error has its own.
    if (begun && !values.json) await io.out("\n");
    const { red } = painter(io.errorColours);
    const code = codeOf(error) ?? "unknown";
    io.err(`${red(code)}: ${(error as Error).message}\n`);
    if (code === "unavailable") return EXIT.unreachable;
    return code === "deadline_exceeded" ? EXIT.timeout : EXIT.failed;
  } finally {
    await target.close();
  }
}

/** What is called, and how it is let go of. */
interface Target {
  readonly agent: StreamingAgent;
  close(): Promise<void>;
}

async function connect(
  place: string,
  registryUrl: string | undefined,
  options: RemoteAgentOptions,
): Promise<Target> {
  try {
    if (registryUrl === undefined) {
      const url = /^[a-z][a-z\d+.-]*:\/\//i.test(place) ? place : `http://${place}`;
      const agent = remoteAgent(url, options);
      return { agent, close: () => agent.close() };
    }
    if (options.name !== undefined) {
      throw new TypeError("--name is for URLs: with --registry the name comes first");
    }
    const { registry, close } = await openRegistry(registryUrl);
    return { agent: registry.agent(place, { remote: options }), close };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readMetadata(value: string | undefined): JsonObject {
  if (value === undefined) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
    return parsed as JsonObject;
  }
  throw new UsageError(`--metadata must be a JSON object, got ${JSON.stringify(value)}`);
}
