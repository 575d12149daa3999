import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const SCRIPT = new URL("../../graphql_api/static/tracker.js", import.meta.url);

test("a page loads less than 5 KB", async () => {
  const size = gzipSync(await readFile(SCRIPT), { level: 9 }).length;

  assert.ok(size < 5000, `${size} bytes`);
});
