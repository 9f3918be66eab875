/** What stands in an error text for what is left out. */
const HIDDEN = "***";

/**
 * A URL as errors show it: what may be secret, which is a user and password, a
 * query and a fragment, is `***`. Of what is no URL all before the last `@` is
 * left out. The path of a Unix socket is shown as it is.
 */
export function shownUrl(url: string | URL): string {
  const text = String(url);
  if (/^unix:/i.test(text)) return text;
  return (isOpen(text) ? text : text.replace(/^([a-z][a-z\d+.-]*:[\\/]+)?[^]*@/i, `$1${HIDDEN}@`))
    .replace(/([?#])[^]*$/, `$1${HIDDEN}`);
}

/**
 * Refuses a URL with a user or password in it. Runtimes do different things
 * with one (`fetch` throws, a WebSocket may send them or not), and it would end
 * up in what shows URLs.
 *
 * @param action What cannot be done; begins the error's text.
 * @param name What the URL is called.
 * @throws {TypeError} If it has.
 */
export function refuseCredentials(action: string, url: URL, name: string = "url"): void {
  if (!hasCredentials(url)) return;
  throw new TypeError(
    `Cannot ${action} as '${name}' must not hold a user or password: expected callers to send ` +
      `them by 'headers', such as "authorization"`,
  );
}

/** Whether a URL says by itself that nobody's password is in front of its host. */
function isOpen(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && url.host !== "" && !hasCredentials(url);
}

function hasCredentials({ protocol, username, password }: URL): boolean {
  // All of such a URL is a path.
  return protocol !== "unix:" && (username !== "" || password !== "");
}
