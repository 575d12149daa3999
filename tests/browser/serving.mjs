// `abgraph serve` as a process of its own, in a folder of its own.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const COMMAND = fileURLToPath(new URL("../../.venv/bin/abgraph", import.meta.url));
export const KEY = "abk_of-the-tests-in-a-browser";
const ANSWERS = /answers on (http:\/\/\S+)\/graphql/;
const PATIENCE = 60_000;
const PREFIX = 12; // characters of a key by which it is known

const CREATE =
  "mutation($i:ExperimentCreateInput!){experimentCreate(input:$i){errors{path message}}}";
const START =
  "mutation($i:ExperimentTransitionInput!){experimentStart(input:$i){errors{path message}}}";
const COMPLETE =
  "mutation($i:ExperimentCompleteInput!){experimentComplete(input:$i){errors{path message}}}";
const ASSIGN = "mutation($i:AssignInput!){assign(input:$i){variant{name} errors{path message}}}";
const CONVERT = "mutation($i:ConvertInput!){convert(input:$i){errors{path message}}}";
const ASSIGNMENTS = `query($name:String!){experiment(by:{name:$name}){assignments(first:30){nodes{
  userId hasConverted conversionValue context variant{name}
  metrics(first:100){totalCount nodes{eventType eventValue eventTimestamp eventData}}}}}}`;
const REVOKE = "mutation($i:ApiKeyInput!){apiKeyRevoke(input:$i){errors{path message}}}";
const INTERVAL = `query($name:String!){experiment(by:{name:$name}){results{metrics{
  comparisons{relative{anytime{interval{lower upper}}}}}}}}`;

export class Server {
  static async started() {
    const folder = await mkdtemp(join(tmpdir(), "abgraph-browser-"));
    await chmod(folder, 0o755); // started by root, PostgreSQL runs as somebody else
    const server = new Server(folder);
    try {
      await server.start();
    } catch (fault) {
      await server.close();
      throw fault;
    }
    return server;
  }

  constructor(folder) {
    this.folder = folder;
    this.url = "";
    this.log = [];
  }

  /** Once more on the same port, where it has run before. */
  async start() {
    const { port = "0" } = this.url ? new URL(this.url) : {};
    const child = spawn(COMMAND, ["serve"], {
      env: this.#environment(port),
      stdio: ["ignore", "ignore", "pipe"],
    });
    process.once("exit", () => child.kill());
    const late = setTimeout(() => child.kill(), PATIENCE);
    this.child = child;
    this.url = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", () => reject(this.#gone()));
      createInterface({ input: child.stderr }).on("line", (line) => {
        this.log.push(line);
        const [, url] = ANSWERS.exec(line) ?? [];
        if (url) resolve(url);
      });
    });
    clearTimeout(late);
  }

  async stop() {
    if (this.#isRunning()) {
      this.child.kill("SIGTERM");
      await once(this.child, "exit");
    }
    this.child.stderr.destroy();
  }

  async close() {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  async keyFor(origin, scope = "track") {
    const options = ["--scope", scope, "--origin", origin];
    const stdout = await this.#run("key", "create", "pages", ...options);
    return /abk_\S+/.exec(stdout)[0];
  }

  /** By a process of its own: the server is told by the database alone. */
  async revoke(key) {
    await this.#run("key", "revoke", key.slice(0, PREFIX));
  }

  /** The tracker's, that a new server has: who has another one has to have it for this origin. */
  async endKeyOfAllOrigins() {
    const { apiKeys } = (await this.graph("{viewer{project{apiKeys{id allowedOrigins}}}}")).viewer
      .project;
    for (const { id, allowedOrigins } of apiKeys)
      if (allowedOrigins.includes("*")) this.#accepted(await this.graph(REVOKE, { i: { id } }));
  }

  /** Started, unless it is to stay a draft. */
  async experiment(name, { isDraft = false, ...input } = {}) {
    const variants = [{ name: "control", isControl: true }, { name: "other" }];
    this.#accepted(await this.graph(CREATE, { i: { name, variants, ...input } }));
    if (!isDraft) await this.begin(name);
  }

  async begin(name) {
    this.#accepted(await this.graph(START, { i: { experiment: { name } } }));
  }

  async complete(name) {
    this.#accepted(await this.graph(COMPLETE, { i: { experiment: { name } } }));
  }

  /** The name of the variant. */
  async assign(experiment, userId) {
    const data = await this.graph(ASSIGN, { i: { experiment, userId } });
    this.#accepted(data);
    return data.assign.variant.name;
  }

  async convert(experiment, userId) {
    this.#accepted(await this.graph(CONVERT, { i: { experiment, userId } }));
  }

  async assignments(name) {
    return (await this.graph(ASSIGNMENTS, { name })).experiment.assignments.nodes;
  }

  /** Of the first variant against the control, at every look. */
  async interval(name) {
    const { results } = (await this.graph(INTERVAL, { name })).experiment;
    return results.metrics[0].comparisons[0].relative.anytime.interval;
  }

  /** Of each user, the number of events. */
  async events(name) {
    return (await this.assignments(name)).map(({ metrics }) => metrics.totalCount);
  }

  async graph(query, variables) {
    if (!this.#isRunning()) throw this.#gone();
    const response = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${KEY}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }

  async #run(...args) {
    const { stdout } = await promisify(execFile)(COMMAND, args, { env: this.#environment("0") });
    return stdout;
  }

  #accepted(data) {
    const [{ errors }] = Object.values(data);
    if (errors.length) throw new Error(JSON.stringify(errors));
  }

  #isRunning() {
    const { pid, exitCode, signalCode } = this.child;
    return pid !== undefined && exitCode === null && signalCode === null;
  }

  #gone() {
    return new Error(`the server is gone:\n${this.log.slice(-20).join("\n")}`);
  }

  #environment(port) {
    return {
      PATH: process.env.PATH,
      ABGRAPH_PORT: port,
      ABGRAPH_DATA_DIR: join(this.folder, "data"),
      ABGRAPH_BOOTSTRAP_SERVER_KEY: KEY,
      ABGRAPH_BOOTSTRAP_TRACKER_KEY: `${KEY}-as-a-tracker`,
    };
  }
}

/** Waits for what no event tells: that the server has got something. */
export async function until(look, expected) {
  const end = Date.now() + 15_000;
  for (;;) {
    const found = JSON.stringify(await look());
    if (found === JSON.stringify(expected)) return;
    if (Date.now() > end) throw new Error(`found ${found}, not ${JSON.stringify(expected)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
