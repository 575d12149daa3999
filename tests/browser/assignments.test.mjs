import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { assign, flush, Shop } from "./shop.mjs";

let shop;
before(async () => (shop = await Shop.opened()));
afterEach(() => shop.empty());
after(() => shop?.close());

test("an assignment sticks over reloads and changes of the page, and is asked for once", async () => {
  await shop.server.experiment("sticky");
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/sticky"));

  const answers = [await assign(tab, "sticky")];
  for (const path of ["/sticky", shop.page("/next"), "/sticky"]) {
    await tab.goto(path);
    await tab.evaluate((options) => abgraph.init(options), shop.options());
    answers.push(await assign(tab, "sticky"));
  }

  assert.equal(answers[0].reason, "NEW");
  assert.ok(["control", "other"].includes(answers[0].variant));
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  assert.equal(visitor.requests("assignBatch").length, 1);
  const [{ userId, variant }] = await shop.server.assignments("sticky");
  assert.equal(userId, await tab.evaluate(() => localStorage.getItem("abgraph:id")));
  assert.equal(variant.name, answers[0].variant);
});

test("another tab is the same user and is told the same", async () => {
  await shop.server.experiment("tabs");
  const visitor = await shop.visitor();

  const tabs = [await visitor.open(shop.page("/tabs")), await visitor.open("/tabs")];
  const [first, second] = [await assign(tabs[0], "tabs"), await assign(tabs[1], "tabs")];

  assert.deepEqual([first.reason, second.reason], ["NEW", "STICKY"]);
  assert.equal(first.variant, second.variant);
  assert.equal((await shop.server.assignments("tabs")).length, 1);
});

test("what is asked for at once is one request, and each thing once", async () => {
  const names = ["at-once-a", "at-once-b", "at-once-c"];
  for (const name of names) await shop.server.experiment(name);
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/at-once"));

  const answers = await tab.evaluate(
    (all) => Promise.all([...all, all[0]].map((name) => abgraph.assign(name))),
    names,
  );

  assert.deepEqual(
    answers.map(({ experiment }) => experiment),
    [...names, names[0]],
  );
  assert.ok(answers.every(({ reason }) => reason === "NEW"));
  const [items, ...others] = visitor.requests("assignBatch");
  assert.deepEqual(
    items.map(({ experiment }) => experiment),
    names,
  );
  assert.deepEqual(others, []);
});

test("the answer has the variant's content and configuration", async () => {
  const what = { content: { text: "Go" }, configOverrides: { steps: 2 } };
  const variants = [
    { name: "a", isControl: true, ...what },
    { name: "b", ...what },
  ];
  await shop.server.experiment("documents", { variants });
  const visitor = await shop.visitor();

  const answer = await assign(await visitor.open(shop.page("/documents")), "documents");

  const { content, config, error } = answer;
  assert.deepEqual(
    { content, config, error },
    { content: { text: "Go" }, config: { steps: 2 }, error: null },
  );
});

test("the page's own user wins over the browser's id, and the context comes along", async () => {
  await shop.server.experiment("named");
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/named"), { userId: "ada" });

  await assign(tab, "named", { context: { plan: "pro" } });

  const [{ userId, context }] = await shop.server.assignments("named");
  assert.deepEqual([userId, context], ["ada", { plan: "pro" }]);
  assert.equal(await tab.evaluate(() => localStorage.length), 0);
});

test("each user has an answer of their own", async () => {
  await shop.server.experiment("household");
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/household"), { userId: "ada" });

  await assign(tab, "household");
  await tab.evaluate((options) => abgraph.init(options), shop.options({ userId: "grace" }));
  const answer = await assign(tab, "household");

  assert.equal(answer.reason, "NEW");
  const users = (await shop.server.assignments("household")).map(({ userId }) => userId);
  assert.deepEqual(users.sort(), ["ada", "grace"]);
});

test("what does not run yet is asked for again", async () => {
  await shop.server.experiment("later", { isDraft: true });
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/later"));

  const first = await assign(tab, "later");
  await shop.server.begin("later");
  const second = await assign(tab, "later");

  assert.deepEqual([first.reason, first.variant, second.reason], ["NOT_RUNNING", null, "NEW"]);
});

test("an experiment that does not exist is a null variant with a code", async () => {
  const visitor = await shop.visitor();

  const answer = await assign(await visitor.open(shop.page("/unknown")), "no-such-thing");

  assert.deepEqual(answer, {
    experiment: "no-such-thing",
    variant: null,
    reason: null,
    content: {},
    config: {},
    elements: [],
    error: "NOT_FOUND",
  });
});

test("who is not in the traffic is asked about once a page", async () => {
  await shop.server.experiment("nobody", { trafficAllocation: 0 });
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/nobody"));

  const answers = [await assign(tab, "nobody"), await assign(tab, "nobody")];
  assert.equal(visitor.requests("assignBatch").length, 1);
  await tab.reload();
  await tab.evaluate((options) => abgraph.init(options), shop.options());
  answers.push(await assign(tab, "nobody"));

  for (const { reason, variant } of answers)
    assert.deepEqual([reason, variant], ["NOT_IN_TRAFFIC", null]);
  assert.equal(visitor.requests("assignBatch").length, 2);
});

test("assignAll is told of the experiments for this page, and remembers each", async () => {
  await shop.server.experiment("here", { targetUrl: "/all" });
  await shop.server.experiment("there", { targetUrl: "/elsewhere" });
  const visitor = await shop.visitor();
  const tab = await visitor.open(`${shop.page("/all")}?q=1#secret`);

  const found = await tab.evaluate(() => abgraph.assignAll({ context: { from: "all" } }));
  const known = await assign(tab, "here");

  assert.deepEqual([found.here.reason, "there" in found], ["NEW", false]);
  assert.deepEqual(known, found.here);
  assert.equal(visitor.requests("assignBatch").length, 0);
  const [{ url, context }] = visitor.requests("assignAll");
  assert.deepEqual([url, context], [`${shop.origin}/all?q=1`, { from: "all" }]);
});

test("reset forgets who it was and what they got", async () => {
  await shop.server.experiment("forgotten");
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/forgotten"));
  await assign(tab, "forgotten");
  await flush(tab);

  await tab.evaluate(() => abgraph.reset());

  assert.deepEqual(await tab.evaluate(() => [localStorage.length, sessionStorage.length]), [0, 0]);
  assert.equal((await assign(tab, "forgotten")).reason, "NEW");
  assert.equal((await shop.server.assignments("forgotten")).length, 2);
});

test("an answer to a question from before the reset is not kept", async () => {
  await shop.server.experiment("overtaken");
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/overtaken"));

  await tab.evaluate(async () => {
    const answer = abgraph.assign("overtaken");
    abgraph.reset();
    await answer;
  });

  assert.deepEqual(await tab.evaluate(() => [localStorage.length, sessionStorage.length]), [0, 0]);
});
