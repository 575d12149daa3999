// The page of docs/live.md, as it stands there.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import { until } from "./serving.mjs";
import { Shop } from "./shop.mjs";

const DOCUMENT = new URL("../../docs/live.md", import.meta.url);
const BLANKS = ['"ws://127.0.0.1:8000/graphql"', '"abk_…"', '"checkout-cta"'];

let shop, documented;
before(async () => {
  shop = await Shop.opened();
  [, documented] = /```html\n(<!doctype html>[^]*?)```/.exec(await readFile(DOCUMENT, "utf8"));
});
afterEach(() => shop.empty());
after(() => shop?.close());

/** With the blanks filled in; it may do what its own text does, and talk to the server. */
function page(key, experiment) {
  const server = shop.server.url.replace("http", "ws");
  const words = [`${server}/graphql`, key, experiment].map((word) => JSON.stringify(word));
  for (const blank of BLANKS) assert.equal(documented.split(blank).length, 2, blank);
  const text = BLANKS.reduce((all, blank, n) => all.replace(blank, words[n]), documented);
  const allowed = ["style", "script"].map((tag) => {
    const [, own] = new RegExp(`<${tag}>([^]*)</${tag}>`).exec(text);
    return `${tag}-src 'sha256-${createHash("sha256").update(own).digest("base64")}'`;
  });
  const policy = `default-src 'none'; ${allowed.join("; ")}; connect-src ${server}`;
  shop.files.set(`/${experiment}`, ["text/html", text, policy]);
  return `/${experiment}`;
}

async function open(key, experiment) {
  const visitor = await shop.visitor();
  return visitor.open(page(key, experiment), null);
}

/** The rows of the table, but for the effects. */
const rows = (tab) =>
  tab.evaluate(() =>
    [...document.querySelectorAll("tbody tr")].map((row) =>
      [...row.cells].slice(0, 4).map((cell) => cell.textContent),
    ),
  );
const state = (tab) => tab.textContent("#state");
const isBad = (tab) => tab.locator("#state.bad").count();
const shows = (tab, word) =>
  until(async () => (await state(tab)).startsWith(word) || (await state(tab)), true);

/** Of users who are named so, that many to each variant, of whom so many convert. */
async function visit(experiment, name, each, converting) {
  const found = { control: 0, other: 0 };
  for (let n = 0; found.control < each || found.other < each; n += 1) {
    const userId = `${name}-${n}`;
    const variant = await shop.server.assign(experiment, userId);
    found[variant] += 1;
    if (found[variant] <= converting[variant]) await shop.server.convert(experiment, userId);
  }
  return found;
}

const row = (variant, users, conversions) => [
  variant,
  String(users),
  String(conversions),
  users ? `${((conversions / users) * 100).toFixed(1)}%` : "–",
];

test("the numbers move, survive a restart of the server, and come to an end", async () => {
  await shop.server.experiment("checkout");
  const key = await shop.server.keyFor(shop.origin, "read");
  const tab = await open(key, "checkout");
  await until(() => rows(tab), [row("control", 0, 0), row("other", 0, 0)]);

  const found = await visit("checkout", "first", 5, { control: 1, other: 3 });
  const moved = [row("control", found.control, 1), row("other", found.other, 3)];
  await until(() => rows(tab), moved);
  await shows(tab, "active, last change ");

  await shop.server.stop();
  await shows(tab, "Not connected, trying again. What you see is of ");
  assert.deepEqual([await rows(tab), await isBad(tab)], [moved, 1]);
  await shop.server.start();
  await shop.server.assign("checkout", "somebody later");
  const users = async () => (await rows(tab)).reduce((sum, cells) => sum + Number(cells[1]), 0);
  await until(users, found.control + found.other + 1);
  await shows(tab, "active, last change ");
  assert.equal(await isBad(tab), 0);

  await shop.server.complete("checkout");
  await shows(tab, "completed, last change ");
});

test("the interval is that of the server, which is null before there is enough", async () => {
  await shop.server.experiment("intervals");
  const key = await shop.server.keyFor(shop.origin, "read");
  const tab = await open(key, "intervals");
  const effects = () => tab.locator("tbody td:last-child").allTextContents();
  await until(effects, ["–", "too early"]);

  await visit("intervals", "many", 120, { control: 40, other: 80 });
  const { lower, upper } = await shop.server.interval("intervals");
  const shown = [lower, upper].map((end) => `+${(end * 100).toFixed(1)}%`).join(" to ");

  await until(effects, ["–", shown]);
  assert.match(shown, /^\+\d+\.\d% to \+\d+\.\d%$/);
  if (process.env.SCREENSHOTS)
    await tab.screenshot({ path: join(process.env.SCREENSHOTS, "live.png") });
});

test("a key that there is not is refused, with a message that stays", async () => {
  await shop.server.experiment("unknown-key");

  const tab = await open("abk_that-nobody-has-ever-made", "unknown-key");

  await shows(tab, "The key is refused: it is unknown, revoked, or not for this page.");
  assert.deepEqual([await isBad(tab), await rows(tab)], [1, []]);
});

test("a key that may not read is told so", async () => {
  await shop.server.experiment("tracker-key");

  const tab = await open(shop.key, "tracker-key");

  await shows(tab, "Subscription.experimentStats needs the scope READ");
  assert.equal(await isBad(tab), 1);
});

test("a key that is revoked while the page is open is refused", async () => {
  await shop.server.experiment("revoked-key");
  const key = await shop.server.keyFor(shop.origin, "read");
  const tab = await open(key, "revoked-key");
  await shows(tab, "active");

  await shop.server.revoke(key);

  await shows(tab, "The key is refused: ");
  assert.equal(await isBad(tab), 1);
});

test("a key of another origin's pages is refused", async () => {
  await shop.server.experiment("another-page");
  const key = await shop.server.keyFor("https://elsewhere.example", "read");

  const tab = await open(key, "another-page");

  await shows(tab, "The key is refused: ");
  assert.equal(await isBad(tab), 1);
});

test("a page whose origin no key names is told what may be the matter", async () => {
  await shop.server.experiment("no-origin");
  const key = await shop.server.keyFor(shop.origin, "read");
  const visitor = await shop.visitor();
  await shop.server.endKeyOfAllOrigins();
  const elsewhere = shop.origin.replace("127.0.0.1", "localhost");

  const tab = await visitor.open(`${elsewhere}${page(key, "no-origin")}`, null);

  await shows(tab, "The server cannot be reached, or has no key that names this page's origin.");
  assert.equal(await isBad(tab), 1);
});
