/**
 * Certificates for tests: an authority, and what it signed. Made with openssl
 * in a temporary folder of which nothing stays.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A certificate and its key, as PEM text. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** An authority that nobody trusts by default, a server and a client of it, and a stranger's authority. */
export interface Certificates {
  readonly ca: string;
  /** For `localhost`, `127.0.0.1` and `::1`. */
  readonly server: Identity;
  readonly client: Identity;
  /** An authority that signed none of these. */
  readonly strangerCa: string;
}

/** The certificates as files in a folder, for other programs; it goes with its `await using`. */
export interface CertificateFiles extends AsyncDisposable {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clientCert: string;
  readonly clientKey: string;
  readonly strangerCa: string;
}

/** Writes the authorities', the server's and the client's certificates to a temporary folder. */
export async function certificateFiles(): Promise<CertificateFiles> {
  const { ca, server, client, strangerCa } = await certificates();
  const folder = await mkdtemp(join(tmpdir(), "agenkit-certificates-"));
  const written = async (name: string, text: string) => {
    const file = join(folder, name);
    await writeFile(file, text);
    return file;
  };
  const files = {
    ca: await written("ca.pem", ca),
    cert: await written("cert.pem", server.cert),
    key: await written("key.pem", server.key),
    clientCert: await written("client_cert.pem", client.cert),
    clientKey: await written("client_key.pem", client.key),
    strangerCa: await written("stranger_ca.pem", strangerCa),
  };
  return {
    ...files,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

const run = promisify(execFile);
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

let made: Promise<Certificates> | undefined;

/** The certificates, made once a process. Rejects where there is no openssl. */
export function certificates(): Promise<Certificates> {
  return made ??= make();
}

async function make(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), "agenkit-certificates-"));
  const openssl = (...args: string[]) => run("openssl", args, { cwd: folder });
  const read = (name: string) => readFile(join(folder, name), "utf8");
  const authority = async (name: string) => {
    const subject = ["-subj", `/CN=agenkit test ${name}`, "-days", "2"];
    await openssl("req", "-x509", ...NEW_KEY, "-keyout", `${name}.key`, "-out", name, ...subject);
    return await read(name);
  };
  const signed = async (name: string, names: string): Promise<Identity> => {
    await openssl(
      "req",
      ...NEW_KEY,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
      "-subj",
      `/CN=${name}`,
    );
    await writeFile(join(folder, `${name}.ext`), `subjectAltName=${names}\n`);
    const by = ["-CA", "ca", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
    await openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      ...by,
      "-out",
      name,
      "-extfile",
      `${name}.ext`,
    );
    return { cert: await read(name), key: await read(`${name}.key`) };
  };
  try {
    const ca = await authority("ca");
    const server = await signed("localhost", "DNS:localhost,IP:127.0.0.1,IP:::1");
    const client = await signed("client", "DNS:client");
    return { ca, server, client, strangerCa: await authority("stranger") };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
