import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { until } from "./serving.mjs";
import { assign, door, flush, queued, Shop } from "./shop.mjs";

const BUTTON = '<button id="buy">Buy</button>';
const BUYS = `document.addEventListener("click", () => abgraph.convert("NAME", 9.5, { from: "button" }));`;
const BUSY = (shop) => ({
  status: 503,
  headers: { "Access-Control-Allow-Origin": shop.origin },
  json: { errors: [{ message: "try again", extensions: { code: "UNAVAILABLE" } }] },
});

let shop;
before(async () => (shop = await Shop.opened()));
afterEach(() => shop.empty());
after(() => shop?.close());

/** A visitor in a tab, assigned to an experiment of that name. */
async function assigned(name, options) {
  await shop.server.experiment(name);
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page(`/${name}`), options);
  await assign(tab, name);
  return [visitor, tab];
}

const events = (name) => () => shop.server.events(name);
const close = (tab) =>
  Promise.all([tab.waitForEvent("close"), tab.close({ runBeforeUnload: true })]);
const track = (tab, name, count = 1, eventType = "view") =>
  tab.evaluate(
    ([one, times, kind]) => {
      for (let n = 0; n < times; n += 1) abgraph.track(one, kind, n, { data: { n } });
    },
    [name, count, eventType],
  );

test("ten clicks are one conversion, over pages too", async () => {
  await shop.server.experiment("clicks");
  const visitor = await shop.visitor();
  const path = shop.page("/clicks", BUTTON, BUYS.replace("NAME", "clicks"));
  const tab = await visitor.open(path);
  await assign(tab, "clicks");

  for (let n = 0; n < 10; n += 1) await tab.click("#buy");
  await flush(tab);
  await tab.goto(path);
  await tab.evaluate((options) => abgraph.init(options), shop.options());
  await tab.click("#buy");
  await flush(tab);

  const [{ hasConverted, conversionValue }] = await shop.server.assignments("clicks");
  assert.deepEqual([hasConverted, conversionValue], [true, 9.5]);
  const [[item], ...others] = visitor.requests("convertBatch");
  assert.deepEqual([item.value, item.metadata], [9.5, { from: "button" }]);
  assert.deepEqual(others, []);
});

test("three hundred events are few requests, none too big", async () => {
  const [visitor, tab] = await assigned("many");

  await track(tab, "many", 300);
  await flush(tab);

  assert.deepEqual(await events("many")(), [300]);
  assert.deepEqual(
    visitor.requests("trackBatch").map(({ length }) => length),
    [100, 100, 100],
  );
  assert.ok(visitor.asked.every(({ size }) => size < 60_000));
  assert.equal(await queued(tab), 0);
});

test("big events are spread over requests that a closing page may send", async () => {
  const [visitor, tab] = await assigned("big");

  await tab.evaluate(() => {
    for (let n = 0; n < 20; n += 1)
      abgraph.track("big", "view", n, { data: { text: "ä".repeat(4000) } });
  });
  await flush(tab);

  assert.deepEqual(await events("big")(), [20]);
  assert.ok(visitor.asked.every(({ size }) => size < 60_000));
});

test("an event says what happened and when, once and for all", async () => {
  const [visitor, tab] = await assigned("moment");

  const [before, after] = await tab.evaluate(() => {
    const start = new Date().toISOString();
    abgraph.track("moment", "scroll", 0.5, { data: { to: "end" }, eventId: "event-1" });
    return [start, new Date().toISOString()];
  });
  await flush(tab);

  const [{ metrics }] = await shop.server.assignments("moment");
  const [{ eventType, eventValue, eventData, eventTimestamp }] = metrics.nodes;
  assert.deepEqual([eventType, eventValue, eventData], ["scroll", 0.5, { to: "end" }]);
  const [[{ timestamp, eventId }]] = visitor.requests("trackBatch");
  assert.equal(eventId, "event-1");
  assert.ok(before <= timestamp && timestamp <= after && timestamp.endsWith("Z"));
  assert.equal(new Date(eventTimestamp).getTime(), new Date(timestamp).getTime());
});

test("events of a tab that is closed at once arrive", async () => {
  const [, tab] = await assigned("closed", { batchMs: 60_000 });

  await track(tab, "closed", 3);
  await close(tab);

  await until(events("closed"), [3]);
});

test("events of a page that is left at once arrive", async () => {
  const [, tab] = await assigned("left", { batchMs: 60_000 });

  await track(tab, "left", 3);
  await tab.goto(shop.page("/another"));

  await until(events("left"), [3]);
});

test("events of a page that goes out of sight are sent at once", async () => {
  const [, tab] = await assigned("hidden", { batchMs: 60_000 });
  await track(tab, "hidden", 3);

  await tab.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });

  await until(events("hidden"), [3]);
  await until(() => queued(tab), 0);
});

test("events that could not be sent before the tab was closed are sent by the next one", async () => {
  const [visitor, tab] = await assigned("adopted");
  await visitor.answer(null);
  await track(tab, "adopted", 3);
  await flush(tab);
  await close(tab);
  await visitor.answerAgain();

  const next = await visitor.open("/adopted");

  await until(events("adopted"), [3]);
  await until(() => queued(next), 0);
});

test("two tabs lose nothing of each other's, and do not go on sending", async () => {
  const [visitor, first] = await assigned("shared");
  const second = await visitor.open("/shared");
  await visitor.answer((route) => route.fulfill(BUSY(shop)));
  await Promise.all([track(first, "shared", 150), track(second, "shared", 150)]);
  await Promise.all([flush(first), flush(second)]);
  await until(() => queued(first), 300);
  await visitor.answerAgain();

  await Promise.all([flush(first), flush(second)]);

  assert.deepEqual(await events("shared")(), [300]);
  await until(async () => [await queued(first), await queued(second)], [0, 0]);
  const { length } = visitor.asked;
  await Promise.all([flush(first), flush(second)]);
  assert.equal(visitor.asked.length, length);
});

test("an answer that got lost is asked for again, and the event counts once", async () => {
  const [visitor, tab] = await assigned("lost");
  await visitor.answer(async (route) => {
    await route.fetch();
    await route.abort("connectionreset");
  });
  await track(tab, "lost");
  await flush(tab);
  assert.deepEqual(await events("lost")(), [1]);
  await visitor.answerAgain();

  await flush(tab);

  assert.deepEqual(await events("lost")(), [1]);
  assert.equal(await queued(tab), 0);
  const [[first], [second]] = visitor.requests("trackBatch");
  assert.deepEqual(second, first);
});

test("a server that is away is asked again by and by, and not more often for more events", async () => {
  const [visitor, tab] = await assigned("patience", { batchMs: 50 });
  await visitor.answer((route) => route.fulfill(BUSY(shop)));

  const asked = [];
  for (let n = 0; n < 3; n += 1) {
    const request = visitor.context.waitForEvent("request");
    await track(tab, "patience");
    await request;
    asked.push(Date.now());
    await track(tab, "patience");
  }
  await visitor.answerAgain();

  await until(events("patience"), [6]);
  const [first, second] = [asked[1] - asked[0], asked[2] - asked[1]];
  assert.ok(first > 450, `${first} ms`);
  assert.ok(second > 900, `${second} ms`);
});

for (const code of ["UNAVAILABLE", "TIMEOUT", "RATE_LIMITED"])
  test(`${code} is no reason to lose events`, async () => {
    const name = `kept-${code.toLowerCase()}`;
    const [visitor, tab] = await assigned(name);
    const json = { data: { trackBatch: null }, errors: [{ message: "", extensions: { code } }] };
    await visitor.answer((route) => route.fulfill({ ...BUSY(shop), status: 200, json }));
    await track(tab, name, 2);
    await flush(tab);
    assert.equal(await queued(tab), 2);
    await visitor.answerAgain();

    await flush(tab);

    assert.deepEqual(await events(name)(), [2]);
  });

test("neither is an answer that is not the server's", async () => {
  const [visitor, tab] = await assigned("portal");
  const headers = { "Access-Control-Allow-Origin": shop.origin };
  await visitor.answer((route) => route.fulfill({ status: 200, headers, body: "<h1>Log in</h1>" }));
  await track(tab, "portal");
  await flush(tab);
  await visitor.answerAgain();

  await flush(tab);

  assert.deepEqual(await events("portal")(), [1]);
});

test("what the server refuses for good is not sent for ever", async () => {
  const [visitor, tab] = await assigned("refused");
  const json = { errors: [{ message: "no", extensions: { code: "FORBIDDEN" } }] };
  await visitor.answer((route) => route.fulfill({ ...BUSY(shop), status: 403, json }));

  await track(tab, "refused", 3);
  await flush(tab);

  assert.equal(await queued(tab), 0);
  assert.equal(visitor.requests("trackBatch").length, 1);
});

test("an event that is refused, or spoils the request, takes no other with it", async () => {
  const [, tab] = await assigned("spoilt");

  await track(tab, "spoilt", 5);
  await track(tab, "no-such-thing", 1);
  await tab.evaluate(() => {
    let deep = {};
    for (let n = 0; n < 50; n += 1) deep = { deep };
    abgraph.track("spoilt", "deep", 1, { data: deep });
    abgraph.track("spoilt", "half a letter", 1, { data: { text: "\ud800" } });
  });
  await track(tab, "spoilt", 5);
  await flush(tab);

  const [{ metrics }] = await shop.server.assignments("spoilt");
  assert.equal(metrics.nodes.filter(({ eventType }) => eventType === "view").length, 10);
  assert.equal(await queued(tab), 0);
});

test("events wait for the assignment that they need", async () => {
  await shop.server.experiment("order");
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/order"), { batchMs: 0, timeoutMs: 10 });
  const { held, release } = door();
  await visitor.answer(async (route) => (await held, route.continue()));

  const answer = await tab.evaluate(async () => {
    const asked = abgraph.assign("order");
    abgraph.track("order", "view");
    abgraph.convert("order");
    await abgraph.flush();
    return asked;
  });
  assert.deepEqual([answer.variant, visitor.requests("trackBatch").length], [null, 0]);
  release();

  await until(() => queued(tab), 0);
  const [{ hasConverted, metrics }] = await shop.server.assignments("order");
  assert.equal(hasConverted, true);
  assert.ok(metrics.nodes.some(({ eventType }) => eventType === "view"));
  assert.ok(visitor.asked[0].query.includes("assignBatch"));
});

test("a conversion of somebody who was not assigned may be tried again", async () => {
  await shop.server.experiment("early");
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/early"));
  await tab.evaluate(() => abgraph.convert("early"));
  await flush(tab);
  await assign(tab, "early");

  await tab.evaluate(() => abgraph.convert("early", 3));
  await flush(tab);

  const [{ conversionValue }] = await shop.server.assignments("early");
  assert.equal(conversionValue, 3);
});

test("a value that is no number is not sent as another one", async () => {
  const [visitor, tab] = await assigned("numbers", { debug: true });

  await tab.evaluate(() => {
    for (const value of ["9,90", NaN, Infinity, {}]) abgraph.track("numbers", "view", value);
    for (const value of ["9.90", null, undefined, 0]) abgraph.track("numbers", "view", value);
  });
  await flush(tab);

  const [items] = visitor.requests("trackBatch");
  assert.deepEqual(
    items.map(({ value }) => value),
    [9.9, 1, 1, 0],
  );
  assert.equal(visitor.warnings.filter((text) => text.includes("no number")).length, 4);
});

test("after a day an event is not sent any more", async () => {
  const [visitor, tab] = await assigned("old", { batchMs: 60_000 });
  await track(tab, "old", 2);
  await tab.evaluate(() => {
    const [name] = Object.keys(localStorage)
      .filter((key) => key.startsWith("abgraph:queue:"))
      .sort();
    const aged = name.replace(/\d{13}/, (at) => at - 24 * 3600e3 - 1000);
    localStorage.setItem(aged, localStorage.getItem(name));
    localStorage.removeItem(name);
  });

  await flush(tab);

  assert.deepEqual(
    visitor.requests("trackBatch").map(({ length }) => length),
    [1],
  );
  assert.equal(await queued(tab), 0);
});

test("of more than a thousand events the oldest go", async () => {
  const [visitor, tab] = await assigned("bounded", { batchMs: 60_000 });

  await track(tab, "bounded", 1010);
  assert.equal(await queued(tab), 1000);
  await flush(tab);

  const values = visitor
    .requests("trackBatch")
    .flat()
    .map(({ value }) => value);
  assert.deepEqual([values.length, values[0], values.at(-1)], [1000, 10, 1009]);
});
