// GraphQL over HTTP, by the audits of its own working group.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { serverAudits } from "graphql-http";

import { KEY, Server } from "../browser/serving.mjs";

const EVERY = 61;

let server;
const audits = serverAudits({
  url: () => `${server.url}/graphql`,
  fetchFn: (url, { headers, ...asked } = {}) =>
    fetch(url, { ...asked, headers: { ...headers, Authorization: `Bearer ${KEY}` } }),
});

describe("GraphQL over HTTP", () => {
  before(async () => {
    server = await Server.started();
  });
  after(() => server.close());

  it(`has ${EVERY} audits`, () => assert.equal(audits.length, EVERY));
  for (const audit of audits) {
    it(audit.name, async () => {
      const result = await audit.fn();

      assert.equal(result.status, "ok", result.reason);
    });
  }
});
