// schema.graphql, by the rules of graphql-eslint for schemas and for Relay.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import rules, { EXEMPTIONS } from "./eslint.config.mjs";

const RULES = 24;
const EXEMPT = 3;
const SCHEMA = fileURLToPath(new URL("../../schema.graphql", import.meta.url));
const CONFIGURATION = fileURLToPath(new URL("eslint.config.mjs", import.meta.url));
const PACKAGE = createRequire(import.meta.url).resolve("eslint/package.json");
const LINTER = join(dirname(PACKAGE), "bin", "eslint.js");

// What is right, what would be wrong in its place, and the rule that says so.
const FAULTS = [
  ["pageInfo: PageInfo!", "pageInfo: PageInfo", "relay-connection-types"],
  ["cursor: String!", "cursor: Variant!", "relay-edge-types"],
  ["hasNextPage: Boolean!", "hasNextPage: Boolean", "relay-page-info"],
  ["first: Int = null", "first: Float = null", "relay-arguments"],
  ['"""What to do with one variant."""\n', "", "require-description"],
  ["lastUsedAt: DateTime", "last_used_at: DateTime", "naming-convention"],
  ["reason: String!", "armDecisionReason: String!", "no-typename-prefix"],
  ["type Inference {", "type Guess {\n  of: Float\n}\ntype Inference {", "strict-id-in-types"],
];

/** Of schema.graphql in that folder; the linter keeps the first schema of its process. */
async function findings(folder) {
  const options = ["--config", CONFIGURATION, "--format", "json", "schema.graphql"];
  const [{ messages }] = await new Promise((resolve, reject) => {
    execFile(process.execPath, [LINTER, ...options], { cwd: folder }, (fault, told, complaint) => {
      if (fault?.code > 1 || !told) reject(new Error(complaint));
      else resolve(JSON.parse(told));
    });
  });
  return messages.map(({ ruleId, line, message }) => ({ rule: ruleId, line, message }));
}

describe("the lint of the schema", () => {
  it(`has ${RULES} rules, ${EXEMPT} of them with exemptions`, () => {
    const [{ rules: all }] = rules;

    assert.equal(Object.keys(all).length, RULES);
    assert.equal(Object.keys(EXEMPTIONS).length, EXEMPT);
    for (const rule of Object.values(all)) assert.equal([rule].flat()[0], "error");
  });

  it("finds nothing", async () => {
    assert.deepEqual(await findings(dirname(SCHEMA)), []);
  });

  it("is not quieted by a comment in the schema", async () => {
    assert.doesNotMatch(await readFile(SCHEMA, "utf8"), /^\s*#/m);
  });

  it(`would find ${FAULTS.length} faults, each by its rule`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "abgraph-lint-"));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const right = await readFile(SCHEMA, "utf8");
    for (const [part] of FAULTS) assert.ok(right.includes(part), part);
    const wrong = FAULTS.reduce((text, [part, other]) => text.replace(part, other), right);
    await writeFile(join(folder, "schema.graphql"), wrong);

    const found = new Set((await findings(folder)).map(({ rule }) => rule));

    for (const [, other, rule] of FAULTS) assert.ok(found.has(`@graphql-eslint/${rule}`), other);
  });
});
