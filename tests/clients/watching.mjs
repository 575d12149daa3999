// What the tests of live statistics ask, by whatever client, and what they have heard.

import { EventEmitter, once } from "node:events";

const PATIENCE = 20_000;

export const STATS = `subscription ($name: String!, $every: Int = 200) {
  experimentStats(experiment: {name: $name}, intervalMs: $every) {
    totalAssignments
    totalConversions
    experiment { status }
  }
}`;
export const CHANGED = `subscription ($name: String!) {
  experimentChanged(experiment: {name: $name}) { status }
}`;
export const STATUS = `query ($name: String!) { experiment(by: {name: $name}) { status } }`;
export const ASSIGN = `mutation ($i: AssignInput!) {
  assign(input: $i) { reason errors { message } }
}`;

/** A sink that remembers what it was told. */
export class Sink {
  #told = new EventEmitter();

  constructor() {
    this.values = [];
    this.ending = null;
  }

  next(value) {
    this.values.push(value);
    this.#told.emit("word");
  }

  error(error) {
    this.#end({ error });
  }

  complete() {
    this.#end("complete");
  }

  get last() {
    return this.values.at(-1)?.data;
  }

  /** Waits until the last value is one with so many users. */
  async sees(users) {
    await this.#until(() => this.last?.experimentStats.totalAssignments === users);
  }

  /** Waits for the end: "complete", or an object with the error. */
  async end() {
    await this.#until(() => this.ending !== null);
    return this.ending;
  }

  #end(ending) {
    if (this.ending !== null) throw new Error("a sink hears of its end once");
    this.ending = ending;
    this.#told.emit("word");
  }

  async #until(isTrue) {
    const signal = AbortSignal.timeout(PATIENCE);
    while (!isTrue()) {
      await once(this.#told, "word", { signal }).catch(() => {
        throw new Error(`in vain, after ${JSON.stringify([this.values, this.ending])}`);
      });
    }
  }
}

/** Assigns new users, one after the other, and waits until each is seen. */
export async function assignAndSee(server, name, sink, users) {
  for (let n = 1; n <= users; n += 1) {
    await server.assign(name, `user-${n}`);
    await sink.sees(n);
  }
}

/** Of an answer that was refused. */
export const codes = ({ error }) => error.map(({ extensions }) => extensions.code);
