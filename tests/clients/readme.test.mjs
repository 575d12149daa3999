// What README.md and docs/live.md tell people to type, as it is printed there.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { KEY, Server } from "../browser/serving.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = new URL("../../", import.meta.url);
const NAME = "checkout-cta";

let server;
before(async () => {
  server = await Server.started();
  await server.experiment(NAME);
});
after(() => server?.close());

/** The only block of that language that holds the words, with the server's port for 8000. */
async function printed(file, language, words) {
  const text = await readFile(new URL(file, ROOT), "utf8");
  const blocks = text.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, "g"));
  const found = [...blocks].map(([, block]) => block).filter((block) => block.includes(words));
  assert.equal(found.length, 1, words);
  return found[0].replaceAll("127.0.0.1:8000", new URL(server.url).host);
}

/** The lines of a program's output, of which the first ones are read. */
async function* lines(t, command, ...args) {
  const env = { ...process.env, SERVER_KEY: KEY };
  const child = spawn(command, args, { cwd: HERE, env, stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill());
  for await (const line of createInterface({ input: child.stdout })) if (line) yield line;
}

const next = async (each) => (await each.next()).value;

test("README.md: curl shows the numbers move", async (t) => {
  const command = await printed("README.md", "sh", "experimentStats");
  const output = lines(t, "bash", "-c", `exec ${command}`);

  const found = [await next(output), await next(output)];
  await server.assign(NAME, "user-of-curl");
  found.push(await next(output), await next(output));

  const value = (line) => JSON.parse(line.replace("data: ", "")).data.experimentStats;
  assert.deepEqual([found[0], found[2]], ["event: next", "event: next"]);
  const [before, after] = [value(found[1]), value(found[3])];
  assert.equal(after.totalAssignments, before.totalAssignments + 1);
});

test("README.md: the script shows the numbers move", async (t) => {
  const script = await printed("README.md", "js", "watch.mjs");
  const output = lines(t, process.execPath, "--input-type=module", "--eval", script);

  const first = await next(output);
  await server.assign(NAME, "user-of-the-script");
  const second = await next(output);

  const shape = /^{ totalAssignments: (\d+), totalConversions: 0 }$/;
  const users = (line) => Number(shape.exec(line)[1]);
  assert.equal(users(second), users(first) + 1);
});

test("docs/live.md: curl shows what the page says it shows", async (t) => {
  const command = await printed("docs/live.md", "sh", "experimentChanged");
  const said = await readFile(new URL("docs/live.md", ROOT), "utf8");
  const output = lines(t, "bash", "-c", `exec ${command}`);

  const found = [await next(output), await next(output)];

  assert.ok(said.includes(`\n${found.join("\n")}\n`), found.join("\n"));
});
