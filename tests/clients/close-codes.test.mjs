// The close codes of graphql-transport-ws, each provoked through the client graphql-ws.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { KEY, Server } from "../browser/serving.mjs";
import { Sink, STATS } from "./watching.mjs";

const NAME = "colour";
const SUBSCRIBE = { query: STATS, variables: { name: NAME } };

let server;
const clients = [];
before(async () => {
  server = await Server.started();
  await server.experiment(NAME);
});
afterEach(() => clients.splice(0).forEach((client) => client.dispose()));
after(() => server?.close());

/** What a client hears that never tries again. */
function watch(options = {}, request = SUBSCRIBE) {
  const client = createClient({
    url: `${server.url.replace("http", "ws")}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${KEY}` },
    retryAttempts: 0,
    ...options,
  });
  clients.push(client);
  const sink = new Sink();
  const leave = client.subscribe(request, sink);
  return { client, sink, leave };
}

/** Says something that the client would not say by itself, once it is `when`. */
const saying = (when, ...messages) => ({
  on: {
    [when]: (socket) =>
      messages.forEach((each) =>
        socket.send(
          typeof each === "string" || Buffer.isBuffer(each) ? each : JSON.stringify(each),
        ),
      ),
  },
});

const closed = async ({ sink }) => {
  const { error } = await sink.end();
  return [error.code, error.reason];
};

const NO_MESSAGES = {
  "no JSON": ["{", "the message is no valid JSON"],
  "no object": ["[]", "the message is no JSON object"],
  "no type that there is": [{ type: "start" }, "there is no message of the type 'start'"],
  "no id": [{ type: "subscribe", payload: SUBSCRIBE }, "id must be a text of 1 to 256 characters"],
  "an empty id": [{ type: "complete", id: "" }, "id must be a text of 1 to 256 characters"],
  "no query": [{ type: "subscribe", id: "1" }, "query must be a text that is not empty"],
  "a payload that is a list": [{ type: "ping", payload: [] }, "payload must be an object"],
  "variables that are a list": [
    { type: "subscribe", id: "1", payload: { query: STATS, variables: [] } },
    "variables must be an object",
  ],
  bytes: [Buffer.from("{}"), "send text, not bytes"],
};

for (const [what, [message, reason]] of Object.entries(NO_MESSAGES))
  test(`4400: ${what}`, async () => {
    const talk = watch(saying("connected", message));

    assert.deepEqual(await closed(talk), [4400, reason]);
  });

test("4401: an operation before the connection is acknowledged", async () => {
  const early = { type: "subscribe", id: "early", payload: SUBSCRIBE };

  const talk = watch(saying("opened", early));

  assert.deepEqual(await closed(talk), [4401, "Unauthorized"]);
});

const STRANGERS = {
  "a key that there is not": `Bearer ${KEY}-not`,
  "another kind of credentials": "Basic YWRhOmFkYQ==",
};

for (const [what, Authorization] of Object.entries(STRANGERS))
  test(`4403: ${what}`, async () => {
    const talk = watch({ connectionParams: { Authorization } });

    const [code, reason] = await closed(talk);

    assert.equal(code, 4403);
    assert.match(reason, /^Forbidden: /);
  });

test("4403: a key that is revoked meanwhile", async () => {
  const key = await server.keyFor("https://shop.example", "read");
  const talk = watch({ connectionParams: { Authorization: `Bearer ${key}` } });
  await talk.sink.sees(0);

  await server.revoke(key);

  const reason = "Forbidden: what you have shown is no more what it was";
  assert.deepEqual(await closed(talk), [4403, reason]);
});

test("4406: a client that does not offer the subprotocol", async () => {
  class Plain extends WebSocket {
    constructor(url) {
      super(url);
    }
  }

  const talk = watch({ webSocketImpl: Plain });

  assert.deepEqual(await closed(talk), [4406, "Subprotocol not acceptable"]);
});

test("4408: who does not begin", async () => {
  const talk = watch({ connectionParams: () => new Promise(() => {}) });

  assert.deepEqual(await closed(talk), [4408, "Connection initialisation timeout"]);
});

test("4409: an id that is in use", async () => {
  const talk = watch({ generateID: () => "same" });
  await talk.sink.sees(0);

  const other = new Sink();
  talk.client.subscribe(SUBSCRIBE, other);

  const expected = [4409, "Subscriber for 'same' already exists"];
  assert.deepEqual([await closed(talk), await closed({ sink: other })], [expected, expected]);
});

test("an id is free again once its operation has ended", async () => {
  const { client, sink, leave } = watch({ generateID: () => "same", lazyCloseTimeout: 60_000 });
  await sink.sees(0);
  leave();

  const other = new Sink();
  client.subscribe(SUBSCRIBE, other);
  await other.sees(0);

  assert.deepEqual([sink.ending, other.ending], ["complete", null]);
});

test("4429: who begins twice", async () => {
  const talk = watch(saying("connected", { type: "connection_init" }));

  assert.deepEqual(await closed(talk), [4429, "Too many initialisation requests"]);
});

test("1009: a message that is too large", async () => {
  const talk = watch({}, { query: `${STATS} #${" ".repeat(2 ** 16)}` });

  const [code] = await closed(talk);

  assert.equal(code, 1009);
});

test("1001: the server stops", async () => {
  const talk = watch();
  await talk.sink.sees(0);

  await server.stop();
  const found = await closed(talk);
  await server.start();

  assert.deepEqual(found, [1001, "the server stops: connect again"]);
});

test("codes of the client's own leave the server as it was", async () => {
  const fault = new Error("no key here");
  const talk = watch({ connectionParams: () => Promise.reject(fault) });
  const { error } = await talk.sink.end();
  const next = watch();

  await next.sink.sees(0);

  assert.equal(error, fault);
  assert.equal(next.sink.ending, null);
});
