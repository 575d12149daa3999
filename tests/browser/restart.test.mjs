import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { until } from "./serving.mjs";
import { assign, flush, queued, Shop } from "./shop.mjs";

let shop;
before(async () => (shop = await Shop.opened()));
afterEach(() => shop.empty());
after(() => shop?.close());

test("events survive a server that is stopped and started again, and arrive once", async () => {
  await shop.server.experiment("restart");
  const visitor = await shop.visitor();
  const tab = await visitor.open(shop.page("/restart"));
  const { variant } = await assign(tab, "restart");

  await shop.server.stop();
  await tab.evaluate(() => {
    for (let n = 0; n < 3; n += 1) abgraph.track("restart", "view", n);
    abgraph.convert("restart", 7);
  });
  await flush(tab);
  assert.equal(await queued(tab), 4);
  await shop.server.start();
  await until(() => queued(tab), 0);

  const [assignment, ...others] = await shop.server.assignments("restart");
  const views = assignment.metrics.nodes.filter(({ eventType }) => eventType === "view");
  assert.deepEqual(views.map(({ eventValue }) => eventValue).sort(), [0, 1, 2]);
  assert.deepEqual([assignment.hasConverted, assignment.conversionValue], [true, 7]);
  assert.deepEqual([assignment.variant.name, others], [variant, []]);
});
