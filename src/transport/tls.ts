/**
 * What a client of a TLS server may bring along. Certificates are always
 * verified; there is no option that turns that off.
 */
export interface ClientTlsOptions {
  /**
   * The authorities to trust, as PEM text, instead of those that the runtime
   * trusts: for servers whose certificate comes from a private one.
   */
  readonly ca?: string | readonly string[] | undefined;
  /** The client's own certificate chain as PEM text, for servers that ask for one (mutual TLS). */
  readonly cert?: string | undefined;
  /** The private key of `cert` as PEM text. */
  readonly key?: string | undefined;
  /** The name that the certificate must bear, where it is not the URL's host. */
  readonly serverName?: string | undefined;
}

/**
 * Checks the options of a TLS client.
 *
 * @param action What cannot be done; begins the error's text.
 * @throws {TypeError} If a part is not PEM text, or a certificate comes without its key.
 */
export function checkClientTls(
  action: string,
  tls: ClientTlsOptions | undefined,
): ClientTlsOptions | undefined {
  if (tls === undefined) return undefined;
  const { ca, cert, key } = tls;
  for (const text of authoritiesOf(ca)) checkPem(action, "tls.ca", text);
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError(
      `Cannot ${action} as 'tls.cert' and 'tls.key' must be given together: '${
        cert === undefined ? "tls.cert" : "tls.key"
      }' is missing`,
    );
  }
  if (cert !== undefined) checkPem(action, "tls.cert", cert);
  if (key !== undefined) checkPem(action, "tls.key", key);
  return tls;
}

/** What makes a server speak TLS, as PEM text. */
export interface ServerTlsOptions {
  /** The certificate chain. */
  readonly cert: string;
  /** The private key of `cert`. */
  readonly key: string;
  /**
   * The authorities that sign the clients' certificates. With them only clients
   * that have one may call (mutual TLS).
   */
  readonly ca?: string | readonly string[] | undefined;
}

/**
 * Checks the options of a TLS server.
 *
 * @param action What cannot be done; begins the error's text.
 * @throws {TypeError} If a part is not PEM text.
 */
export function checkServerTls(action: string, tls: ServerTlsOptions): ServerTlsOptions {
  checkPem(action, "tls.cert", tls.cert);
  checkPem(action, "tls.key", tls.key);
  for (const text of authoritiesOf(tls.ca)) checkPem(action, "tls.ca", text);
  return tls;
}

function authoritiesOf(ca: string | readonly string[] | undefined): readonly string[] {
  return ca === undefined ? [] : typeof ca === "string" ? [ca] : ca;
}

function checkPem(action: string, name: string, value: unknown): void {
  if (typeof value === "string" && value.includes("-----BEGIN ")) return;
  // Not shown: it may be a key.
  throw new TypeError(
    `Cannot ${action} as '${name}' must be PEM text with a line "-----BEGIN ...": ` +
      `current value is a ${typeof value} without one`,
  );
}

/** The options of a server as `node:tls` takes them. */
export function nodeServerTlsOptions({ cert, key, ca }: ServerTlsOptions): {
  cert: string;
  key: string;
  ca?: string[];
  requestCert?: boolean;
  rejectUnauthorized?: boolean;
} {
  return ca === undefined
    ? { cert, key }
    : { cert, key, ca: [...authoritiesOf(ca)], requestCert: true, rejectUnauthorized: true };
}

/** The options of a client as `node:tls` takes them. */
export function nodeTlsOptions(
  tls: ClientTlsOptions | undefined,
): { ca?: string[]; cert?: string; key?: string; servername?: string } {
  const { ca, cert, key, serverName } = tls ?? {};
  return {
    ...(ca === undefined ? undefined : { ca: [...authoritiesOf(ca)] }),
    ...(cert === undefined ? undefined : { cert }),
    ...(key === undefined ? undefined : { key }),
    ...(serverName === undefined ? undefined : { servername: serverName }),
  };
}
