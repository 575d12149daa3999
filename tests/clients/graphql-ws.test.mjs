// Live statistics by the client that most pages use: graphql-ws.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { KEY, Server, until } from "../browser/serving.mjs";
import { ASSIGN, assignAndSee, CHANGED, codes, Sink, STATS, STATUS } from "./watching.mjs";

let server;
const clients = [];
before(async () => (server = await Server.started()));
afterEach(() => clients.splice(0).forEach((client) => client.dispose()));
after(() => server?.close());

function connect(options = {}) {
  const client = createClient({
    url: `${server.url.replace("http", "ws")}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${KEY}` },
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 100)),
    retryAttempts: Infinity,
    shouldRetry: ({ code }) => code !== 4403, // else a refused connection would be the end
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

/** The codes with which the connections of a client are closed, one after the other. */
function closes(client) {
  const found = [];
  client.on("closed", ({ code }) => found.push(code));
  return found;
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
  const client = connect();
  const closed = closes(client);
  const seen = [];

  const request = { query: STATS, variables: { name: "iterated" } };
  for await (const { data } of client.iterate(request)) {
    seen.push(data.experimentStats.totalAssignments);
    if (seen.at(-1) === 2) break;
    await server.assign("iterated", `user-${seen.length}`);
  }

  assert.deepEqual(seen, [0, 1, 2]);
  await until(() => closed, [1000]);
});

test("a sink that is disposed of hears nothing more, and the others do", async () => {
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

test("many operations share one connection", async () => {
  const names = ["shared-a", "shared-b", "shared-c"];
  for (const name of names) await server.experiment(name);
  const client = connect();
  let connections = 0;
  client.on("connected", () => (connections += 1));

  const sinks = names.map((name) => watch(client, STATS, { name }).sink);
  const changed = watch(client, CHANGED, { name: names[0] }).sink;
  await Promise.all(sinks.map((sink) => sink.sees(0)));
  await Promise.all(sinks.map((sink, n) => assignAndSee(server, names[n], sink, n + 1)));

  const seen = sinks.map(({ last }) => last.experimentStats.totalAssignments);
  assert.deepEqual(seen, [1, 2, 3]);
  await until(() => changed.last, { experimentChanged: { status: "ACTIVE" } });
  assert.equal(connections, 1);
});

test("what is wrong with the document or its variables reaches the sink", async () => {
  const client = connect();
  const wrong = {
    GRAPHQL_PARSE_FAILED: watch(client, "subscription {"),
    GRAPHQL_VALIDATION_FAILED: watch(client, "subscription { nothing }"),
    BAD_USER_INPUT: watch(client, STATS, { name: "moving", every: 199 }),
  };
  const absent = watch(client, STATS, { name: "no such thing" });

  for (const [code, { sink }] of Object.entries(wrong)) {
    assert.deepEqual(codes(await sink.end()), [code]);
    assert.deepEqual(sink.values, []);
  }
  assert.deepEqual((await absent.sink.end()).error[0].extensions.code, "BAD_USER_INPUT");
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
  const closed = closes(client);
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

  assert.equal(closed[0], 1001);
  assert.deepEqual(
    sinks.map(({ ending }) => ending),
    [null, null],
  );
});

test("a connection that the client gives up is made anew", async () => {
  await server.experiment("terminated");
  const client = connect();
  const connected = [];
  client.on("connected", (socket, payload, isAgain) => connected.push(isAgain));
  const { sink } = watch(client, STATS, { name: "terminated" });
  await sink.sees(0);

  client.terminate();
  await until(() => sink.values.length, 2);

  assert.deepEqual(connected, [false, true]);
  assert.deepEqual(sink.values[1], sink.values[0]);
});

test("a lazy client is connected while somebody watches, an eager one always", async () => {
  await server.experiment("lazy");
  const lazy = connect();
  const eager = connect({ lazy: false });
  const events = { lazy: [], eager: [] };
  for (const [name, client] of Object.entries({ lazy, eager }))
    for (const event of ["connected", "closed"])
      client.on(event, () => events[name].push(event));
  await until(() => events, { lazy: [], eager: ["connected"] });

  for (const client of [lazy, eager]) {
    const { sink, leave } = watch(client, STATS, { name: "lazy" });
    await sink.sees(0);
    leave();
  }

  await until(() => events, { lazy: ["connected", "closed"], eager: ["connected"] });
  await eager.dispose();
  await until(() => events.eager, ["connected", "closed"]);
});

test("pings are answered, with what was in them", async () => {
  const client = connect({ lazy: false, keepAlive: 100 });
  const pongs = [];
  client.on("pong", (isFromServer, payload) => pongs.push([isFromServer, payload ?? null]));
  client.on("connected", (socket) =>
    socket.send(JSON.stringify({ type: "ping", payload: { at: 1 } })),
  );

  await until(() => pongs.length >= 3, true);

  assert.deepEqual(pongs[0], [true, { at: 1 }]);
  assert.deepEqual(pongs.slice(1, 3), [
    [true, null],
    [true, null],
  ]);
});
