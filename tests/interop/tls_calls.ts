/**
 * What every pair of a client and a server is asked over TLS.
 *
 * @module
 */
import assert from "node:assert/strict";
import { delay, type JsonObject } from "../../mod.ts";
import { type CertificateFiles, certificateFiles } from "../support/certificates.ts";
import type { Case, Result, TlsFiles } from "./peers.ts";
import { chunks, UNICODE } from "./scenarios.ts";

/** What a suite over TLS works with. */
export interface TlsSetup {
  /** The runtimes that ours run on, by name, and their programs. */
  readonly programs: readonly (readonly [name: string, path: string])[];
  readonly files: CertificateFiles;
  /** The arguments of a server that speaks TLS. */
  readonly secured: readonly string[];
  /** The arguments of one that asks clients for certificates besides. */
  readonly mutual: readonly string[];
}

/** Makes what a suite over TLS works with; its files are to be disposed of. */
export async function tlsSetup(found: { node: string; bun: string }): Promise<TlsSetup> {
  const files = await certificateFiles();
  const secured = ["--cert", files.cert, "--key", files.key];
  return {
    programs: [["Deno", Deno.execPath()], ["Node", found.node], ["Bun", found.bun]],
    files,
    secured,
    mutual: [...secured, "--client-ca", files.ca],
  };
}

/** Makes one call of one client at one server, trusting whom `tls` says. */
export type TlsRun = (testCase: Omit<Case, "url" | "protocol">) => Promise<Result>;

/** The `tls` of a client that trusts the tests' authority. */
export function trusting({ ca }: CertificateFiles): TlsFiles {
  return { ca };
}

/** The same, with a certificate of its own. */
export function known({ ca, clientCert, clientKey }: CertificateFiles): TlsFiles {
  return { ca, cert: clientCert, key: clientKey };
}

/** The `tls` of a client that trusts somebody else. */
export function mistrusting({ strangerCa }: CertificateFiles): TlsFiles {
  return { ca: strangerCa };
}

/** What differs between peers. */
export interface TlsExpectations {
  /** The type of error of a call whose time is up. @default {"deadline_exceeded"} */
  readonly late?: string;
  /** Whether the server counts calls whose caller has left. @default {true} */
  readonly counts?: boolean;
}

/** A message, a stream, failures of both, and a deadline that ends the agent. */
export async function callsOverTls(
  run: TlsRun,
  { late = "deadline_exceeded", counts = true }: TlsExpectations = {},
): Promise<void> {
  const ask = (op: "process" | "stream", metadata: JsonObject, more: Partial<Case> = {}) =>
    run({ op, message: { content: UNICODE, metadata }, ...more });
  const unary = await ask("process", {});
  assert.equal(unary.error, undefined);
  assert.equal(unary.messages[0]?.content, `Echo: ${UNICODE}`);

  const stream = await ask("stream", { behaviour: "chunks", n: 20 });
  assert.equal(stream.error, undefined);
  assert.deepEqual(stream.messages.map(({ content }) => content), chunks(20));

  for (const op of ["process", "stream"] as const) {
    const failed = await ask(op, { behaviour: "fail", text: "told over TLS" });
    assert.equal(failed.ok, false);
    assert.match(failed.error ?? "", /told over TLS/);
  }
  const broken = await ask("stream", { behaviour: "midfail", n: 3 });
  assert.equal(broken.messages.length, 3);
  assert.match(broken.error ?? "", /broke on purpose/);

  const left = async (): Promise<number> => {
    const stats = (await ask("process", { behaviour: "stats" })).messages[0]?.content;
    // Python takes JSON text for what it says.
    return (typeof stats === "string" ? JSON.parse(stats) : stats).left;
  };
  const before = counts ? await left() : 0;
  // A call that took its time to connect has not reached the agent: then it gets more.
  for (let timeout_ms = 100;; timeout_ms *= 4) {
    const slow = await ask("process", { behaviour: "sleep", ms: 20_000 }, { timeout_ms });
    assert.equal(slow.error_type, late, slow.error);
    if (!counts) return;
    for (let attempt = 0; attempt < 40; attempt++) {
      if (await left() > before) return;
      await delay(25);
    }
    assert.ok(timeout_ms < 5_000, "the agent did not learn that its caller left");
  }
}
