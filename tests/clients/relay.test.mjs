// Relay's compiler over schema.graphql: every connection and everything with an id, and a page as
// an application would write it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { buildSchema, getNamedType, isObjectType, isScalarType } from "graphql";

const COMPILER = fileURLToPath(import.meta.resolve("relay-compiler/cli.js"));
const SCHEMA = new URL("../../schema.graphql", import.meta.url);
const PAGE = fileURLToPath(new URL("relay/page.js", import.meta.url));

const CONNECTIONS = [
  "Assignment.metrics",
  "Experiment.assignments",
  "Experiment.history",
  "Experiment.metrics",
  "Project.history",
  "Query.experiments",
  "Query.funnels",
  "Variant.assignments",
  "Variant.metrics",
];
const NODES = [
  ...["ApiKey", "Assignment", "AuditEntry", "Element", "ElementVariant", "Experiment", "Funnel"],
  ...["FunnelStep", "Metric"],
  ...["Project", "User", "Variant"],
];
const PAGE_ARTIFACTS = 10;
const CUSTOM_SCALARS = { BigInt: "number", DateTime: "string", JSON: "mixed" };

const text = await readFile(SCHEMA, "utf8");
const types = Object.values(buildSchema(text).getTypeMap()).filter(isObjectType);
const fieldsOf = (type) => Object.values(type.getFields());

function connections() {
  return types
    .flatMap((type) =>
      fieldsOf(type)
        .filter((field) => getNamedType(field.type).name.endsWith("Connection"))
        .map((field) => `${type.name}.${field.name}`),
    )
    .sort();
}

function nodes() {
  return types.filter((type) => type.getInterfaces().some(({ name }) => name === "Node"));
}

/** The list page by page, onwards or backwards. */
function paged(place, [count, cursor]) {
  const [type, field] = place.split(".");
  const name = `${type}_${field}_${count}`;
  return `graphql\`fragment ${name} on ${type}
    @refetchable(queryName: "${name}_Query")
    @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
      ${field}(${count}: $count, ${cursor}: $cursor) @connection(key: "${name}_${field}") {
        edges { node { id } }
      }
    }\`;`;
}

/** All that can be read of a thing without arguments, read again by its id. */
function refetched(type) {
  const plain = fieldsOf(type).filter(
    (field) => isScalarType(getNamedType(field.type)) && field.args.length === 0,
  );
  return `graphql\`fragment ${type.name}_all on ${type.name}
    @refetchable(queryName: "${type.name}_all_Query") {
      ${plain.map(({ name }) => name).join(" ")}
    }\`;`;
}

describe("Relay's compiler", () => {
  let folder;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "abgraph-relay-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function compiled(schema, sources = {}) {
    const settings = { src: ".", schema: "schema.graphql", artifactDirectory: "made" };
    const language = { language: "flow", customScalarTypes: CUSTOM_SCALARS };
    const files = {
      "schema.graphql": schema,
      "relay.config.json": JSON.stringify({ ...settings, ...language }),
      ...sources,
    };
    await mkdir(join(folder, "made"));
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder, name), content);
    }
    const options = ["--noWatchman", "relay.config.json"];
    await promisify(execFile)(process.execPath, [COMPILER, ...options], { cwd: folder });
    return readdir(join(folder, "made"));
  }

  it(`makes both directions of all ${CONNECTIONS.length} connections`, async () => {
    const directions = [["first", "after"], ["last", "before"]];
    const sources = Object.fromEntries(
      connections().flatMap((place) =>
        directions.map((direction) => [
          `${place.replace(".", "_")}_${direction[0]}.js`,
          paged(place, direction),
        ]),
      ),
    );

    const artifacts = await compiled(text, sources);

    assert.deepEqual(connections(), CONNECTIONS);
    // of each a fragment, and a query for the next page
    assert.equal(artifacts.length, 2 * 2 * CONNECTIONS.length);
  });

  it(`reads all ${NODES.length} kinds of things again by their ids`, async () => {
    const sources = Object.fromEntries(
      nodes().map((type) => [`${type.name}_all.js`, refetched(type)]),
    );

    const artifacts = await compiled(text, sources);

    assert.deepEqual(nodes().map(({ name }) => name).sort(), NODES);
    assert.equal(artifacts.length, 2 * NODES.length);
  });

  it(`makes ${PAGE_ARTIFACTS} artifacts of a page`, async () => {
    await cp(PAGE, join(folder, "page.js"));

    const artifacts = await compiled(text);

    assert.equal(artifacts.length, PAGE_ARTIFACTS);
  });

  it("refuses a connection without the end of its page", async () => {
    const poor = text.replace(/^  endCursor: String$/m, "");
    const source = { "Query_experiments_first.js": paged("Query.experiments", ["first", "after"]) };

    await assert.rejects(compiled(poor, source), /endCursor/);
  });

  it("refuses to read again what is no Node", async () => {
    const poor = text.replace("type Metric implements Node {", "type Metric {");
    const metric = nodes().find(({ name }) => name === "Metric");

    await assert.rejects(compiled(poor, { "Metric_all.js": refetched(metric) }), /refetchable/);
  });
});
