// GraphiQL, as the server gives it out in development, under its own strict policy.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import { KEY, until } from "./serving.mjs";
import { Shop } from "./shop.mjs";

let shop;
before(async () => (shop = await Shop.opened()));
afterEach(() => shop.empty());
after(() => shop?.close());

const RUN = 'button[aria-label^="Execute query"]';
const STOP = 'button[aria-label^="Stop query"]';
const QUERY = ".graphiql-query-editor";
const HEADERS = ".graphiql-editor-tool .graphiql-editor:not(.hidden)";
const stats = (name) => `subscription {
  experimentStats(experiment: {name: "${name}"}, intervalMs: 200) {
    totalAssignments experiment { status }
  }
}`;

/** GraphiQL with a key, and a document in it that is run. */
async function run(document, key = KEY) {
  const visitor = await shop.visitor();
  const tab = await visitor.open(`${shop.server.url}/graphql`, null);
  await write(tab, QUERY, document);
  await write(tab, HEADERS, JSON.stringify({ Authorization: `Bearer ${key}` }));
  await tab.click(RUN);
  return tab;
}

async function write(tab, editor, text) {
  await tab.click(`${editor} .CodeMirror`);
  await tab.keyboard.press("Control+A");
  await tab.keyboard.insertText(text);
}

/** What the page shows of the last answer. */
const shown = (tab) =>
  tab.evaluate(() => {
    const text = document.querySelector(".result-window .CodeMirror").CodeMirror.getValue();
    return text && JSON.parse(text);
  });
const expected = (totalAssignments, status = "ACTIVE") => ({
  data: { experimentStats: { totalAssignments, experiment: { status } } },
});

test("a subscription shows a value, each change of it, and its end", async () => {
  await shop.server.experiment("watched");
  const tab = await run(stats("watched"));
  await until(() => shown(tab), expected(0));

  await shop.server.assign("watched", "ada");
  await until(() => shown(tab), expected(1));
  if (process.env.SCREENSHOTS)
    await tab.screenshot({ path: join(process.env.SCREENSHOTS, "graphiql.png") });
  assert.equal(await tab.locator(STOP).count(), 1);
  await shop.server.complete("watched");

  await until(() => shown(tab), expected(1, "COMPLETED"));
  await tab.waitForSelector(RUN);
});

test("a subscription that is stopped is over, and the value stays", async () => {
  await shop.server.experiment("stopped");
  const tab = await run(stats("stopped"));
  await until(() => shown(tab), expected(0));

  const ended = tab.waitForEvent("requestfailed");
  await tab.click(STOP);
  const request = await ended;

  assert.equal(request.failure().errorText, "net::ERR_ABORTED");
  await tab.waitForSelector(RUN);
  assert.deepEqual(await shown(tab), expected(0));
});

test("a subscription that is refused says why", async () => {
  const tab = await run(stats("no such thing"));

  await until(async () => (await shown(tab))?.errors?.[0].extensions.code, "BAD_USER_INPUT");
  await tab.waitForSelector(RUN);
});

test("a subscription that the server interrupts says so", async () => {
  await shop.server.experiment("interrupted");
  const tab = await run(stats("interrupted"));
  await until(() => shown(tab), expected(0));

  await shop.server.stop();
  await until(async () => JSON.stringify(await shown(tab)).includes("ended the stream"), true);
  await shop.server.start();

  await tab.waitForSelector(RUN);
});

test("queries are answered as before", async () => {
  await shop.server.experiment("asked");

  const tab = await run('{ experiment(by: { name: "asked" }) { status } }');

  await until(() => shown(tab), { data: { experiment: { status: "ACTIVE" } } });
});
