// Live statistics over server-sent events, by the client graphql-sse: one stream for one operation.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { createClient } from "graphql-sse";

import { KEY, Server, until } from "../browser/serving.mjs";
import { ASSIGN, assignAndSee, CHANGED, codes, Sink, STATS, STATUS } from "./watching.mjs";

let server;
const clients = [];
before(async () => (server = await Server.started()));
afterEach(() => clients.splice(0).forEach((client) => client.dispose()));
after(() => server?.close());

function connect(options = {}) {
  const client = createClient({
    url: `${server.url}/graphql`,
    headers: { Authorization: `Bearer ${KEY}` },
    retry: () => new Promise((resolve) => setTimeout(resolve, 100)),
    retryAttempts: Infinity,
    ...options,
  });
  clients.push(client);
  return client;
}

function watch(client, query, variables) {
  const sink = new Sink();
  const leave = client.subscribe({ query, variables }, sink);
  return { sink, leave };
}

test("the numbers move while users are assigned", async () => {
  await server.experiment("moving");
  const { sink } = watch(connect(), STATS, { name: "moving" });
  await sink.sees(0);

  await assignAndSee(server, "moving", sink, 3);
  await server.convert("moving", "user-1");
  await until(() => sink.last.experimentStats.totalConversions, 1);

  assert.equal(sink.ending, null);
  assert.ok(sink.values.every(({ errors }) => errors === undefined));
});

test("one may iterate over the values, and leave", async () => {
  await server.experiment("iterated");
  const seen = [];

  const request = { query: STATS, variables: { name: "iterated" } };
  for await (const { data } of connect().iterate(request)) {
    seen.push(data.experimentStats.totalAssignments);
    if (seen.at(-1) === 2) break;
    await server.assign("iterated", `user-${seen.length}`);
  }

  assert.deepEqual(seen, [0, 1, 2]);
});

test("a stream that is left hears nothing more, and the others do", async () => {
  await server.experiment("left");
  const client = connect();
  const [one, other] = [0, 1].map(() => watch(client, STATS, { name: "left" }));
  await Promise.all([one.sink.sees(0), other.sink.sees(0)]);

  one.leave();
  await assignAndSee(server, "left", other.sink, 1);

  assert.deepEqual([one.sink.values.length, one.sink.ending], [1, "complete"]);
  assert.equal(other.sink.ending, null);
});

test("queries and mutations are answered and complete", async () => {
  await server.experiment("asked");
  const client = connect();

  const i = { experiment: "asked", userId: "ada" };
  const assigned = watch(client, ASSIGN, { i }).sink;
  const ends = [await assigned.end()];
  const asked = watch(client, STATUS, { name: "asked" }).sink;
  ends.push(await asked.end());

  assert.deepEqual(assigned.values, [{ data: { assign: { reason: "NEW", errors: [] } } }]);
  assert.deepEqual(asked.values, [{ data: { experiment: { status: "ACTIVE" } } }]);
  assert.deepEqual(ends, ["complete", "complete"]);
});

test("changes of the lifecycle are seen", async () => {
  await server.experiment("edited", { isDraft: true });
  const { sink } = watch(connect(), CHANGED, { name: "edited" });
  await until(() => sink.values.length, 1);

  await server.begin("edited");
  await until(() => sink.values.length, 2);

  const statuses = sink.values.map(({ data }) => data.experimentChanged.status);
  assert.deepEqual(statuses, ["DRAFT", "ACTIVE"]);
});

const WRONG = {
  GRAPHQL_PARSE_FAILED: ["query {"],
  GRAPHQL_VALIDATION_FAILED: ["subscription { nothing }"],
  BAD_USER_INPUT: [STATS, { name: "moving", every: 199 }],
};

for (const [code, [query, variables]] of Object.entries(WRONG))
  test(`${code} is told, and the stream is complete`, async () => {
    const { sink } = watch(connect(), query, variables);

    const end = await sink.end();

    const [{ data, errors }, ...others] = sink.values;
    assert.deepEqual([data, codes({ error: errors }), others], [undefined, [code], []]);
    assert.equal(end, "complete");
  });

test("a key that there is not is refused before a stream begins", async () => {
  const headers = { Authorization: `Bearer ${KEY}-not` };
  const { sink } = watch(connect({ headers, retryAttempts: 0 }), STATS, { name: "moving" });

  const { error } = await sink.end();

  assert.equal(error.response.status, 401);
  const { errors } = await error.response.json();
  assert.deepEqual(codes({ error: errors }), ["UNAUTHENTICATED"]);
});

test("a key that is revoked meanwhile ends the stream, and says so", async () => {
  await server.experiment("revoked");
  const key = await server.keyFor("https://shop.example", "read");
  const headers = { Authorization: `Bearer ${key}` };
  const { sink } = watch(connect({ headers }), STATS, { name: "revoked" });
  await sink.sees(0);

  await server.revoke(key);
  const end = await sink.end();

  assert.deepEqual(codes({ error: sink.values.at(-1).errors }), ["FORBIDDEN"]);
  assert.equal(end, "complete");
});

test("it is complete when the experiment is, with the last numbers before", async () => {
  await server.experiment("over");
  const { sink } = watch(connect(), STATS, { name: "over", every: 60_000 });
  await sink.sees(0);

  await server.assign("over", "ada");
  await server.complete("over");
  const end = await sink.end();

  assert.equal(end, "complete");
  assert.deepEqual(sink.last.experimentStats, {
    totalAssignments: 1,
    totalConversions: 0,
    experiment: { status: "COMPLETED" },
  });
});

test("after a restart of the server it goes on with what is true by then", async () => {
  await server.experiment("restarted");
  const client = connect();
  const sinks = [200, 1000].map((every) => {
    return watch(client, STATS, { name: "restarted", every }).sink;
  });
  await Promise.all(sinks.map((sink) => sink.sees(0)));

  await server.assign("restarted", "ada");
  await server.stop();
  await Promise.all(sinks.map((sink) => sink.sees(1)));
  await server.start();
  await server.assign("restarted", "grace");
  await Promise.all(sinks.map((sink) => sink.sees(2)));

  assert.deepEqual(
    sinks.map(({ ending }) => ending),
    [null, null],
  );
});
