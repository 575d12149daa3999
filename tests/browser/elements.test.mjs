import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { assign, Shop } from "./shop.mjs";

const BODY = `
  <h1 id="title">A shop</h1>
  <p class="lead">Everything must go</p>
  <ul><li>one</li><li>two</li></ul>
  <button>Continue</button>`;
const ELEMENTS = {
  title: ["ID", "title", { text: "Everything for half" }],
  lead: ["CSS", ".lead", { style: { color: "rgb(200, 0, 0)" } }],
  second: ["XPATH", "//ul/li[2]", { text: "deux" }],
  pay: ["TEXT", "Continue", { text: "Go to payment" }],
};
const CREATE =
  "mutation($i:ElementCreateInput!){elementCreate(input:$i){element{id} errors{message}}}";
const SET = "mutation($i:ElementVariantSetInput!){elementVariantSet(input:$i){errors{message}}}";
const VARIANTS = "query($name:String!){experiment(by:{name:$name}){variants{id}}}";

let shop;
before(async () => (shop = await Shop.opened()));
afterEach(() => shop.empty());
after(() => shop?.close());

/** Whatever variant a user gets, it puts this into these elements, which are answered by name. */
async function changing(experiment, elements, content = {}) {
  const variants = [{ name: "control", isControl: true, content }, { name: "other", content }];
  const draft = { variants, isDraft: true, targetUrl: `/${experiment}` };
  await shop.server.experiment(experiment, draft);
  const ids = {};
  for (const [name, [selectorType, selectorValue, shown]] of Object.entries(elements)) {
    const place = { selectorType, selectorValue, elementType: "text" };
    const i = { experiment: { name: experiment }, name, ...place };
    const { elementCreate } = await shop.server.graph(CREATE, { i });
    assert.deepEqual(elementCreate.errors, []);
    ids[name] = elementCreate.element.id;
    await fill(experiment, ids[name], { content: shown });
  }
  await shop.server.begin(experiment);
  return ids;
}

async function fill(experiment, element, fields) {
  const data = await shop.server.graph(VARIANTS, { name: experiment });
  for (const { id: variant } of data.experiment.variants) {
    const i = { element, variant, ...fields };
    const { elementVariantSet } = await shop.server.graph(SET, { i });
    assert.deepEqual(elementVariantSet.errors, []);
  }
}

const texts = (tab, selector) => tab.locator(selector).allTextContents();
const apply = (tab, name) =>
  tab.evaluate(async (one) => {
    await abgraph.assign(one);
    await abgraph.apply();
  }, name);

test("a page shows what its variant puts into elements, whatever finds them", async () => {
  await changing("contents", ELEMENTS);
  const tab = await (await shop.visitor()).open(shop.page("/contents", BODY));

  await apply(tab, "contents");

  assert.deepEqual(await texts(tab, "h1, li"), ["Everything for half", "one", "deux"]);
  assert.deepEqual(await texts(tab, "button"), ["Go to payment"]);
  const lead = tab.locator(".lead");
  assert.equal(await lead.evaluate((one) => getComputedStyle(one).color), "rgb(200, 0, 0)");
});

test("what was deactivated is not on a new page of the same user", async () => {
  const userId = "ada";
  const ids = await changing("retired", ELEMENTS);
  const page = shop.page("/retired", BODY);
  const visitor = await shop.visitor();
  const before = await visitor.open(page, { userId });
  await apply(before, "retired");

  await fill("retired", ids.title, { content: ELEMENTS.title[2], isActive: false });
  const later = await visitor.open(page, { userId });
  await apply(later, "retired");

  assert.deepEqual(await texts(before, "h1, button"), ["Everything for half", "Go to payment"]);
  assert.deepEqual(await texts(later, "h1, button"), ["A shop", "Go to payment"]);
  const { variant, reason } = await assign(later, "retired");
  assert.deepEqual([typeof variant, reason], ["string", "STICKY"]);
});

test("auto makes both kinds of changes, and an element has the last word", async () => {
  const elements = [
    { selectorType: "ID", selectorValue: "title", content: { text: "of the variant" } },
    { selectorType: "CSS", selectorValue: "li", content: { text: "of the variant" } },
  ];
  await changing("both", { title: ELEMENTS.title }, { elements });
  const begin = `abgraph.init(${JSON.stringify(shop.options({ auto: true }))})`;
  const tab = await (await shop.visitor()).open(shop.page("/both", BODY, begin), null);

  await tab.waitForFunction(() => document.querySelector("li").textContent !== "one");

  const everywhere = ["Everything for half", "of the variant", "of the variant"];
  assert.deepEqual(await texts(tab, "h1, li"), everywhere);
});

test("what is remembered for the session has the elements, too", async () => {
  await changing("kept", { title: ELEMENTS.title });
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/kept", BODY));
  const first = await assign(tab, "kept");
  await tab.reload();
  await tab.evaluate((given) => abgraph.init(given), shop.options());

  await apply(tab, "kept");

  const [type, value, content] = ELEMENTS.title;
  assert.deepEqual(first.elements, [{ selectorType: type, selectorValue: value, content }]);
  assert.deepEqual(await texts(tab, "h1"), ["Everything for half"]);
  assert.equal(visitor.requests("assignBatch").length, 1);
});
