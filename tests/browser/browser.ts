import { type Browser, chromium, type Page } from "playwright-core";
import { root } from "../architecture/graph.ts";
import { aliases, readConfig } from "../runtimes/exports.ts";
import { isMissing } from "../runtimes/runtime.ts";
import { loadEsbuild } from "../runtimes/toolchain.ts";

/** A browser, and a server of the pages that it opens. */
export class BrowserHost implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(browser: Browser, server: Deno.HttpServer<Deno.NetAddr>) {
    this.#browser = browser;
    this.#server = server;
  }

  /**
   * Starts a browser.
   *
   * @param program Chromium's program.
   */
  static async start(program: string): Promise<BrowserHost> {
    const script = await bundle();
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      const { pathname } = new URL(request.url);
      return pathname === "/page.js"
        ? new Response(script, { headers: { "content-type": "text/javascript" } })
        : new Response('<!doctype html><title>agenkit</title><script src="/page.js"></script>', {
          headers: { "content-type": "text/html" },
        });
    });
    // A container's root user has no sandbox to be put in.
    const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
    return new BrowserHost(browser, server);
  }

  /** The origin of the pages. */
  get origin(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** A new page that has loaded its script. */
  async open(): Promise<Page> {
    const page = await this.#browser.newPage();
    await page.goto(this.origin);
    return page;
  }

  /** Ends both. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await this.#server.shutdown();
  }
}

/** The page's script, in one file. */
async function bundle(): Promise<string> {
  const esbuild = await loadEsbuild(root);
  if (isMissing(esbuild)) throw new Error(esbuild.missing);
  const { outputFiles } = await esbuild.build({
    entryPoints: [`${root}/tests/browser/page.ts`],
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    platform: "browser",
    alias: aliases(await readConfig(root), root),
    absWorkingDir: root,
    logLevel: "silent",
  });
  await esbuild.stop();
  return outputFiles[0]!.text;
}
