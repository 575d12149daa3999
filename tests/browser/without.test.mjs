// A page without a storage, without a server, without leave to follow anybody: it works all the same.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, afterEach, before, test } from "node:test";

import { assign, begin, door, flush, queued, Shop } from "./shop.mjs";

let shop;
before(async () => (shop = await Shop.opened()));
afterEach(() => shop.empty());
after(() => shop?.close());

const NOTHING = {
  ...{ variant: null, reason: null, content: {}, config: {} },
  ...{ elements: [], error: null },
};

const kept = (tab) => tab.evaluate(() => [localStorage.length, sessionStorage.length]);

function withoutStorage() {
  const get = () => {
    throw new DOMException("refused", "SecurityError");
  };
  for (const name of ["localStorage", "sessionStorage"])
    Object.defineProperty(window, name, { get });
}

function withFullStorage() {
  Storage.prototype.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
}

/** A port on which nobody listens. */
async function deserted() {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  listener.close();
  await once(listener, "close");
  return `http://127.0.0.1:${port}`;
}

for (const [how, storage] of Object.entries({ withoutStorage, withFullStorage }))
  test(`${how} all works for as long as the page is open`, async () => {
    await shop.server.experiment(how);
    const visitor = await shop.visitor();
    await visitor.context.addInitScript(storage);
    const tab = await visitor.open(shop.page(`/${how}`));

    const answers = [await assign(tab, how), await assign(tab, how)];
    await tab.evaluate((name) => {
      abgraph.track(name, "view");
      abgraph.convert(name);
      abgraph.convert(name);
    }, how);
    await flush(tab);

    assert.deepEqual(answers[1], answers[0]);
    assert.equal(visitor.requests("assignBatch").length, 1);
    const [{ hasConverted, metrics }, ...others] = await shop.server.assignments(how);
    assert.ok(hasConverted && metrics.nodes.some(({ eventType }) => eventType === "view"));
    assert.deepEqual(others, []);
    await tab.evaluate(() => abgraph.reset());
    assert.equal((await assign(tab, how)).reason, "NEW");
  });

test("a server that cannot be reached breaks nothing", async () => {
  const visitor = await shop.visitor();
  const url = await deserted();
  shop.mayAsk = url;
  const options = { url, auto: true, hide: true };
  const tab = await visitor.open(shop.page("/unreachable"), options);

  const answer = await assign(tab, "any");
  const all = await tab.evaluate(() => abgraph.assignAll());
  await tab.evaluate(() => (abgraph.track("any", "view"), abgraph.convert("any")));
  await flush(tab);
  await tab.evaluate(() => abgraph.apply());

  assert.deepEqual(answer, { experiment: "any", ...NOTHING });
  assert.deepEqual(all, {});
  const opacity = await tab.evaluate(() => getComputedStyle(document.documentElement).opacity);
  assert.deepEqual([opacity, await tab.textContent("h1")], ["1", "A shop"]);
});

test("a server that says nothing is waited for no longer than the limit, and asked again", async () => {
  await shop.server.experiment("silent");
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/silent"), { timeoutMs: 200 });
  const { held, release } = door();
  await visitor.answer(async (route) => (await held, route.abort()));

  const [answer, took] = await tab.evaluate(async () => {
    const start = performance.now();
    return [await abgraph.assign("silent"), performance.now() - start];
  });
  const refused = tab.waitForEvent("requestfailed");
  release();
  await refused;
  await visitor.answerAgain();

  assert.deepEqual(answer, { experiment: "silent", ...NOTHING });
  assert.ok(took >= 190 && took < 1900, `${took} ms`);
  await tab.reload();
  await begin(tab, shop.options());
  assert.equal((await assign(tab, "silent")).reason, "NEW");
});

const SIGNS = {
  "Do Not Track": () => Object.defineProperty(navigator, "doNotTrack", { value: "1" }),
  "Global Privacy Control": () =>
    Object.defineProperty(navigator, "globalPrivacyControl", { value: true }),
};

for (const [sign, give] of Object.entries(SIGNS)) {
  test(`${sign}: nothing is sent and nothing is kept`, async () => {
    await shop.server.experiment(sign);
    const visitor = await shop.visitor();
    await visitor.context.addInitScript(give);
    const options = { respectDoNotTrack: true, auto: true, hide: true };
    const tab = await visitor.open(shop.page("/private"), options);

    const answer = await assign(tab, sign);
    await tab.evaluate((name) => (abgraph.track(name, "view"), abgraph.convert(name)), sign);
    await flush(tab);
    const all = await tab.evaluate(() => abgraph.assignAll());

    assert.deepEqual([answer, all], [{ experiment: sign, ...NOTHING }, {}]);
    assert.deepEqual(visitor.asked, []);
    assert.deepEqual(await kept(tab), [0, 0]);
    const opacity = await tab.evaluate(() => getComputedStyle(document.documentElement).opacity);
    assert.equal(opacity, "1");
  });

  test(`${sign} counts where the page respects it`, async () => {
    await shop.server.experiment(`${sign}, unheard`);
    const visitor = await shop.visitor();
    await visitor.context.addInitScript(give);

    const answer = await assign(await visitor.open(shop.page("/public")), `${sign}, unheard`);

    assert.equal(answer.reason, "NEW");
  });
}

test("before it is begun, and begun wrongly, it does nothing and throws nothing", async () => {
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/unbegun"), null);

  const answers = await tab.evaluate(async () => {
    abgraph.init();
    abgraph.track("any", "view");
    abgraph.convert("any");
    await abgraph.apply();
    await abgraph.flush();
    return [await abgraph.assign("any"), await abgraph.assignAll()];
  });

  assert.deepEqual(answers, [{ experiment: "any", ...NOTHING }, {}]);
  assert.deepEqual(visitor.asked, []);
  assert.deepEqual(await kept(tab), [0, 0]);
});

test("values that cannot be sent break nothing", async () => {
  await shop.server.experiment("odd");
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/odd"));

  const answer = await tab.evaluate(async () => {
    const loop = {};
    loop.loop = loop;
    abgraph.track("odd", "view", 1, { data: loop });
    abgraph.track("odd", "view", 1, null);
    abgraph.track("odd", "view", 1n, { data: 1n });
    abgraph.convert(Symbol("odd"));
    abgraph.convert("odd", 1, "no object");
    return [await abgraph.assign("odd", null), await abgraph.assign("other", { context: loop })];
  });
  await flush(tab);

  assert.deepEqual([answer[0].reason, answer[1].variant], ["NEW", null]);
  assert.equal(await queued(tab), 0);
});

test("one name is all that it adds to the page, and the address is that of its script", async () => {
  await shop.server.experiment("home");
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/home"), { url: undefined });
  const names = () => tab.evaluate(() => Object.getOwnPropertyNames(window));
  const withTracker = await names();
  shop.files.set("/bare", ["text/html", "<!doctype html><title>Nothing</title>"]);

  assert.equal((await assign(tab, "home")).reason, "NEW");
  await tab.goto("/bare");
  const bare = new Set(await names());

  assert.deepEqual(
    withTracker.filter((name) => !bare.has(name)),
    ["abgraph"],
  );
});
