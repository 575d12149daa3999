// Pages of another origin than the server's, under a strict policy, and browsers that visit them.

import assert from "node:assert/strict";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { createServer } from "node:http";
import { delimiter, join } from "node:path";

import { chromium } from "playwright-core";

import { Server } from "./serving.mjs";

const AWAY = /^Failed to load resource|^WebSocket connection to|blocked by CORS/;
const NAMES = ["chromium", "chromium-browser", "google-chrome"];

function browserPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = process.env.PATH.split(delimiter);
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found) return found;
  throw new Error(
    `no Chromium here: install one, or name it in CHROMIUM (looked for ${NAMES.join(", ")})`,
  );
}

export class Shop {
  static async opened() {
    const shop = new Shop(await Server.started());
    try {
      await shop.#open();
    } catch (fault) {
      await shop.close();
      throw fault;
    }
    return shop;
  }

  constructor(server) {
    this.server = server;
    this.files = new Map();
    this.visitors = [];
    this.mayAsk = ""; // beside the server
    this.pages = createServer((request, response) => this.#answer(request, response));
  }

  async #open() {
    this.pages.listen(0, "127.0.0.1");
    await once(this.pages, "listening");
    this.origin = `http://127.0.0.1:${this.pages.address().port}`;
    this.key = await this.server.keyFor(this.origin);
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    this.browser = await chromium.launch({ executablePath: browserPath(), args });
  }

  async close() {
    await this.browser?.close();
    this.pages.closeAllConnections();
    this.pages.close();
    await this.server.close();
  }

  /** A page with the tracker; `begin` is a script of the page's own in its head. */
  page(path, body = "<h1>A shop</h1>", begin = "") {
    const tracker = `<script src="${this.server.url}/tracker.js"></script>`;
    const own = begin && `<script src="${path}.js"></script>`;
    this.files.set(`${path}.js`, ["text/javascript", begin]);
    const head = `<meta charset="utf-8"><title>A shop</title>${tracker}${own}`;
    this.files.set(path, ["text/html", `<!doctype html><head>${head}</head><body>${body}</body>`]);
    return path;
  }

  options(changes = {}) {
    return { url: this.server.url, key: this.key, ...changes };
  }

  async visitor() {
    const visitor = await Visitor.come(this);
    this.visitors.push(visitor);
    return visitor;
  }

  /** After each test: everybody leaves, and no page has complained of anything. */
  async empty() {
    const visitors = this.visitors.splice(0);
    for (const { context } of visitors) await context.close();
    assert.deepEqual(
      visitors.flatMap(({ faults }) => faults),
      [],
    );
  }

  #answer(request, response) {
    const file = this.files.get(new URL(request.url, this.origin).pathname);
    if (!file) return response.writeHead(404).end();
    const { url } = this.server;
    const strict = `default-src 'none'; script-src ${url} 'self'; connect-src ${url} ${this.mayAsk}`;
    const [type, text, policy = strict] = file;
    return response
      .writeHead(200, {
        "Content-Type": `${type}; charset=utf-8`,
        "Content-Security-Policy": policy,
      })
      .end(text);
  }
}

/** A browser with nothing in it, what its pages ask the server, and what goes wrong in them. */
class Visitor {
  static async come(shop) {
    const visitor = new Visitor(shop);
    const context = await shop.browser.newContext({ baseURL: shop.origin });
    visitor.context = context;
    context.on("weberror", (fault) => visitor.faults.push(String(fault.error())));
    context.on("console", (message) => visitor.#hear(message));
    context.on("request", (request) => visitor.#note(request));
    await context.addInitScript(() => {
      addEventListener("securitypolicyviolation", ({ effectiveDirective, sourceFile }) =>
        console.error(`Content Security Policy: ${effectiveDirective} ${sourceFile}`),
      );
    });
    return visitor;
  }

  constructor(shop) {
    this.shop = shop;
    this.faults = [];
    this.asked = [];
    this.warnings = [];
  }

  /** A tab of theirs; with the tracker begun, unless the page does that itself. */
  async open(path, options = {}) {
    const tab = await this.context.newPage();
    await tab.goto(path);
    if (options) await begin(tab, this.shop.options(options));
    return tab;
  }

  /** What was asked in this way, each request as the list of its items. */
  requests(mutation) {
    return this.asked
      .filter(({ query }) => query.includes(`{${mutation}(`))
      .map(({ items }) => items);
  }

  /** What the server would say, or null: nothing is heard of it. */
  async answer(reply) {
    await this.context.route(/\/graphql$/, (route) =>
      reply ? reply(route) : route.abort("connectionrefused"),
    );
  }

  async answerAgain() {
    await this.context.unroute(/\/graphql$/);
  }

  #hear(message) {
    const text = message.text();
    if (message.type() === "warning") this.warnings.push(text);
    if (message.type() === "error" && !AWAY.test(text)) this.faults.push(text);
  }

  #note(request) {
    if (request.method() !== "POST" || !request.url().endsWith("/graphql")) return;
    const { query, variables } = request.postDataJSON();
    this.asked.push({ query, items: variables?.i, size: request.postDataBuffer().length });
  }
}

/** What waits for `held` goes on after `release()`. */
export function door() {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  return { held, release };
}

export const begin = (tab, options) => tab.evaluate((given) => abgraph.init(given), options);
export const assign = (tab, name, extra) =>
  tab.evaluate(([one, more]) => abgraph.assign(one, more), [name, extra]);
export const flush = (tab) => tab.evaluate(() => abgraph.flush());
export const queued = (tab) =>
  tab.evaluate(
    () => Object.keys(localStorage).filter((key) => key.startsWith("abgraph:queue:")).length,
  );
