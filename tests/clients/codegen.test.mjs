// TypeScript out of schema.graphql, our own operations and every example of the documentation.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { generate } from "@graphql-codegen/cli";
import { buildSchema, isScalarType, isSpecifiedScalarType, parse, print, visit } from "graphql";

const OPERATIONS = 9;
const EXAMPLES = 6; // at least
const WRONG_USES = 5;
const SCALARS = { BigInt: "number", DateTime: "string", JSON: "unknown" };

const ROOT = new URL("../../", import.meta.url);
const COMPILER = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const inFolder = (name) => fileURLToPath(new URL(`codegen/${name}`, import.meta.url));

const schema = await readFile(new URL("schema.graphql", ROOT), "utf8");
const operations = parse(await readFile(inFolder("operations.graphql"), "utf8"));
const examples = await shown();

/** What the README and the documentation print as GraphQL, named by its place. */
async function shown() {
  const pages = (await readdir(new URL("docs/", ROOT))).filter((name) => name.endsWith(".md"));
  const texts = ["README.md", ...pages.sort().map((name) => `docs/${name}`)].map((name) =>
    readFile(new URL(name, ROOT), "utf8"),
  );
  const blocks = (await Promise.all(texts)).flatMap((text) =>
    [...text.matchAll(/^```graphql\n(.*?)^```/gms)].map(([, block]) => block),
  );
  return blocks.map((block, place) => named(parse(block), `Example${place}`));
}

function named(document, value) {
  return visit(document, {
    OperationDefinition: (one) => ({ ...one, name: one.name ?? { kind: "Name", value } }),
  });
}

function kindsOf(document) {
  return document.definitions.map(({ operation }) => operation).filter(Boolean);
}

async function generated(scalars) {
  return generate(
    {
      schema,
      documents: [operations, ...examples].map(print),
      config: { strictScalars: true, scalars },
      generates: {
        "schema.ts": { plugins: ["typescript"] },
        "made.ts": { plugins: ["typescript-operations"] },
      },
      silent: true,
    },
    false,
  );
}

/** What the compiler of TypeScript has to say, nothing if all is well. */
async function complaints(folder) {
  const options = ["--noEmit", "--strict", "--target", "es2022", "schema.ts", "uses.ts"];
  return new Promise((resolve) => {
    execFile(process.execPath, [COMPILER, ...options], { cwd: folder }, (fault, told) =>
      resolve(told || fault),
    );
  });
}

describe("code generation", () => {
  it(`has ${OPERATIONS} operations and ${examples.length} examples to work on`, () => {
    assert.equal(kindsOf(operations).length, OPERATIONS);
    assert.deepEqual([...new Set(kindsOf(operations))], ["query", "mutation", "subscription"]);
    assert.ok(examples.length >= EXAMPLES, `${examples.length}`);
  });

  it(`knows all ${Object.keys(SCALARS).length} scalars of ours`, () => {
    const types = Object.values(buildSchema(schema).getTypeMap());

    const own = types.filter((type) => isScalarType(type) && !isSpecifiedScalarType(type));

    assert.deepEqual(own.map(({ name }) => name).sort(), Object.keys(SCALARS));
  });

  it("gives types that strict TypeScript compiles, and that are worth something", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "abgraph-codegen-"));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const files = await generated(SCALARS);
    for (const { filename, content } of files) await writeFile(join(folder, filename), content);
    await cp(inFolder("uses.ts"), join(folder, "uses.ts"));
    const uses = await readFile(inFolder("uses.ts"), "utf8");

    assert.equal(await complaints(folder), null);
    assert.equal(uses.split("@ts-expect-error").length - 1, WRONG_USES);
    for (const { content } of files) assert.doesNotMatch(content, /: any\b/);
    const variables = files[1].content.match(/^export type \w+Variables = /gm);
    assert.equal(variables.length, OPERATIONS + examples.length);
  });

  for (const scalar of Object.keys(SCALARS)) {
    it(`refuses to guess what ${scalar} is`, async () => {
      const { [scalar]: left, ...others } = SCALARS;

      await assert.rejects(generated(others), new RegExp(`Unknown scalar type ${scalar}`));
    });
  }
});
