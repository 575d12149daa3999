import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import { door, Shop } from "./shop.mjs";

const BODY = `
  <h1 id="title">A shop</h1>
  <p class="lead">Everything must go</p>
  <p>Free <b>delivery</b></p>
  <ul><li>one</li><li>two</li></ul>
  <a id="more" href="/more">More</a>
  <button>Continue</button>`;

let shop;
before(async () => (shop = await Shop.opened()));
afterEach(() => shop.empty());
after(() => shop?.close());

/** Whatever variant it is, it makes these changes. */
async function changing(name, elements, targetUrl) {
  const content = { elements };
  const variants = [
    { name: "control", isControl: true, content },
    { name: "other", content },
  ];
  await shop.server.experiment(name, { variants, targetUrl: targetUrl ?? `/${name}` });
}

const changesTitle = { selectorType: "ID", selectorValue: "title", content: { text: "new" } };
const texts = (tab, selector) => tab.locator(selector).allTextContents();
const apply = (tab, name) =>
  tab.evaluate(async (one) => {
    await abgraph.assign(one);
    await abgraph.apply();
  }, name);
const head = (options, then = "") =>
  `abgraph.init(${JSON.stringify(shop.options(options))});${then}`;

/** Written down in each frame that the browser paints: is it to be seen, and what does it say? */
const WATCH = (id) => {
  window.frames_ = [];
  const look = () => {
    const element = document.getElementById(id);
    if (element) {
      let isSeen = true;
      for (let one = element; one; one = one.parentElement)
        if (getComputedStyle(one).opacity === "0") isSeen = false;
      window.frames_.push([isSeen, element.textContent, performance.now()]);
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
};

async function watched(id) {
  const visitor = await shop.visitor();
  await visitor.context.addInitScript(WATCH, id);
  return visitor;
}

const frames = (tab) => tab.evaluate(() => window.frames_);
const seen = async (tab) => [
  ...new Set((await frames(tab)).filter(([isSeen]) => isSeen).map(([, text]) => text)),
];

test("each kind of selector finds what it changes", async () => {
  await changing("selectors", [
    { selectorType: "ID", selectorValue: "title", content: { text: "Everything for half" } },
    {
      selectorType: "CSS",
      selectorValue: "li",
      content: { style: { color: "rgb(200, 0, 0)", "--gap": "4px" } },
    },
    { selectorType: "XPATH", selectorValue: "//ul/li[2]", content: { text: "deux" } },
    {
      selectorType: "TEXT",
      selectorValue: "Free delivery",
      content: { text: "Free delivery, today" },
    },
    {
      selectorType: "TEXT",
      selectorValue: "Continue",
      content: {
        text: "Go to payment",
        attributes: { title: "Pay", "data-x": 1 },
        style: { "font-size": "30px !important" },
      },
    },
  ]);
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/selectors", BODY));

  await apply(tab, "selectors");

  assert.deepEqual(await texts(tab, "#title"), ["Everything for half"]);
  assert.deepEqual(await texts(tab, "li"), ["one", "deux"]);
  assert.deepEqual(await texts(tab, "p"), ["Everything must go", "Free delivery, today"]);
  const item = tab.locator("li").first();
  assert.equal(await item.evaluate((one) => getComputedStyle(one).color), "rgb(200, 0, 0)");
  assert.equal(await item.evaluate((one) => one.style.getPropertyValue("--gap")), "4px");
  const button = tab.locator("button");
  assert.equal(await button.textContent(), "Go to payment");
  assert.equal(await button.getAttribute("title"), "Pay");
  assert.equal(await button.getAttribute("data-x"), "1");
  assert.deepEqual(
    await button.evaluate(({ style }) => [style.fontSize, style.getPropertyPriority("font-size")]),
    ["30px", "important"],
  );
  if (process.env.SCREENSHOTS)
    await tab.screenshot({ path: join(process.env.SCREENSHOTS, "changed.png") });
});

test("texts that change places stay where they were put", async () => {
  await changing("swap", [
    { selectorType: "TEXT", selectorValue: "one", content: { text: "two" } },
    { selectorType: "TEXT", selectorValue: "two", content: { text: "one" } },
  ]);
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/swap", BODY));
  await apply(tab, "swap");

  await tab.evaluate(() => document.body.append(document.createElement("hr")));

  assert.deepEqual(await texts(tab, "li"), ["two", "one"]);
});

const DANGEROUS = [
  { selectorType: "ID", selectorValue: "title", content: { html: "<i>half</i>", text: "plain" } },
  {
    selectorType: "ID",
    selectorValue: "more",
    content: {
      attributes: {
        onclick: "alert(1)",
        ONMOUSEOVER: "alert(1)",
        href: " java\tscript:alert(1)",
        srcdoc: "<p>",
        style: "color: red",
        title: "fine",
        class: null,
      },
    },
  },
];

test("html, code in attributes and code in addresses are refused", async () => {
  await changing("guarded", DANGEROUS);
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/guarded", BODY), { debug: true });

  await apply(tab, "guarded");

  assert.equal(await tab.locator("#title").innerHTML(), "plain");
  const names = await tab.locator("#more").evaluate((one) => one.getAttributeNames());
  assert.deepEqual(names, ["id", "href", "title"]);
  assert.equal(await tab.locator("#more").getAttribute("href"), "/more");
  assert.equal(visitor.warnings.filter((text) => text.includes("refused")).length, 5);
});

test("html is put in where the page allows it", async () => {
  await changing("allowed", [DANGEROUS[0]]);
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/allowed", BODY), { allowHtml: true });

  await apply(tab, "allowed");

  assert.equal(await tab.locator("#title").innerHTML(), "<i>half</i>");
});

test("html that holds what its selector finds is put in once", async () => {
  const html = '<p class="lead">Everything <b>must</b> go</p>';
  await changing("nested", [{ selectorType: "CSS", selectorValue: ".lead", content: { html } }]);
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/nested", BODY), { allowHtml: true });
  await apply(tab, "nested");

  await tab.evaluate(() => document.body.append(document.createElement("hr")));

  assert.equal(await tab.locator(".lead .lead").count(), 1);
});

test("selectors that are malformed or find nothing spoil no others", async () => {
  const content = { text: "no" };
  await changing("malformed", [
    { selectorType: "CSS", selectorValue: "li[", content },
    { selectorType: "XPATH", selectorValue: "//li[", content },
    { selectorType: "XPATH", selectorValue: "count(//li)", content },
    { selectorType: "XPATH", selectorValue: "//li/text()", content },
    { selectorType: "ID", selectorValue: "nowhere", content },
    { selectorType: "TEXT", selectorValue: "", content },
    { selectorType: "SMELL", selectorValue: "li", content },
    { selectorType: "CSS", selectorValue: "li" },
    {
      selectorType: "ID",
      selectorValue: "more",
      content: { attributes: { "1 2": "x", title: "kept" }, style: { no: "x" } },
    },
    null,
    "li",
    { selectorType: "ID", selectorValue: "title", content: { text: "yes" } },
  ]);
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/malformed", BODY), { debug: true });

  await apply(tab, "malformed");

  assert.deepEqual(await texts(tab, "#title, li"), ["yes", "one", "two"]);
  assert.equal(await tab.locator("#more").getAttribute("title"), "kept");
  assert.ok(visitor.warnings.some((text) => text.includes("li[")));
});

test("elements that come later are changed before they are seen", async () => {
  await changing("spa", [
    { selectorType: "CSS", selectorValue: ".late", content: { text: "changed" } },
  ]);
  const visitor = await watched("late");
  const tab = await visitor.open(shop.page("/spa", BODY));
  await apply(tab, "spa");

  await tab.evaluate(() => {
    const late = Object.assign(document.createElement("p"), { id: "late", className: "late" });
    late.textContent = "original";
    document.body.append(late);
  });
  await tab.waitForFunction(() => window.frames_.length > 2);

  assert.deepEqual(await seen(tab), ["changed"]);
});

test("auto changes the page, hidden until then, and nobody sees the original", async () => {
  await changing("auto", [changesTitle]);
  const visitor = await watched("title");
  await visitor.answer(async (route) => {
    const response = await route.fetch();
    await tab.waitForFunction(() => window.frames_.length > 5); // it takes its time
    await route.fulfill({ response });
  });

  const tab = await visitor.context.newPage();
  await tab.goto(shop.page("/auto", BODY, head({ auto: true, hide: "h1", timeoutMs: 60_000 })));
  await tab.waitForFunction(() => window.frames_.some(([isSeen]) => isSeen));

  assert.deepEqual(await seen(tab), ["new"]);
  assert.deepEqual((await frames(tab))[0].slice(0, 2), [false, "A shop"]);
  assert.equal(await tab.locator("h1").getAttribute("style"), null);
});

test("what is known from the page before is there in the first frame", async () => {
  await changing("known", [changesTitle]);
  const visitor = await watched("title");
  const path = shop.page("/known", BODY, head({ auto: ["known"], hide: true, timeoutMs: 10_000 }));
  const tab = await visitor.context.newPage();
  await tab.goto(path);
  await tab.waitForFunction(() => window.frames_.some(([isSeen]) => isSeen));

  await tab.goto(path);
  await tab.waitForFunction(() => window.frames_.length > 2);

  assert.deepEqual((await frames(tab))[0].slice(0, 2), [true, "new"]);
  assert.deepEqual(await seen(tab), ["new"]);
  assert.equal(visitor.requests("assignBatch").length, 1);
});

test("after the limit the original is shown, and a late answer changes nothing", async () => {
  await changing("late", [changesTitle]);
  const visitor = await watched("title");
  const { held, release } = door();
  await visitor.answer(async (route) => (await held, route.continue()));
  const options = { auto: true, hide: true, timeoutMs: 300 };
  const tab = await visitor.context.newPage();
  await tab.goto(shop.page("/late", BODY, head(options)));
  await tab.waitForFunction(() => window.frames_.some(([isSeen]) => isSeen));
  const shownAt = (await frames(tab)).find(([isSeen]) => isSeen)[2];

  const answered = tab.waitForResponse(/graphql/);
  release();
  await (await answered).finished();
  await tab.waitForFunction(
    (count) => window.frames_.length > count + 5,
    (await frames(tab)).length,
  );

  assert.deepEqual(await seen(tab), ["A shop"]);
  assert.ok(shownAt > 200 && shownAt < 5000, `${shownAt} ms`);
});

test("an assignment asked for while the page is hidden has no more time than the page", async () => {
  await changing("short", [changesTitle]);
  const visitor = await watched("title");
  await visitor.answer(() => {}); // never
  const then = `
    const begun = performance.now();
    setTimeout(async () => {
      await abgraph.assign("short");
      window.took = performance.now() - begun;
    }, 800);`;
  const tab = await visitor.context.newPage();
  await tab.goto(shop.page("/short", BODY, head({ hide: true, timeoutMs: 1000 }, then)));

  const took = await (await tab.waitForFunction(() => window.took)).jsonValue();

  assert.ok(took < 1700, `${took} ms`);
});

test("a page that changes nothing after all is shown at the limit", async () => {
  const visitor = await watched("title");
  const tab = await visitor.context.newPage();
  await tab.goto(shop.page("/forgetful", BODY, head({ hide: true, timeoutMs: 300 })));

  await tab.waitForFunction(() => window.frames_.some(([isSeen]) => isSeen));

  assert.deepEqual((await frames(tab))[0].slice(0, 2), [false, "A shop"]);
});

test("a page with a server that is away, or a selector that is none, is not hidden for long", async () => {
  const visitor = await watched("title");
  await visitor.answer(null);
  for (const hide of [true, "h1", "h1[", "p{}"]) {
    const tab = await visitor.context.newPage();
    await tab.goto(shop.page("/away", BODY, head({ auto: true, hide, timeoutMs: 300 })));
    await tab.waitForFunction(() => window.frames_.some(([isSeen]) => isSeen));

    assert.deepEqual(await seen(tab), ["A shop"]);
    assert.ok((await frames(tab)).find(([isSeen]) => isSeen)[2] < 5000);
  }
});
