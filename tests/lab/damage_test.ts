/**
 * Damages the files of a server in many places: it reports what is lost and delivers the rest once.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { P2pServer } from "@netlab/p2p/server";
import { type DamageResult, StoreDamage } from "@netlab/lab/damage";
import { TestFolder } from "../folders.ts";
import { storageTest as test } from "../kinds.ts";

/** So many places are damaged. `deno task lab damage` damages more. */
const PLACES = 40;

test("servers report what is lost on damaged places, and deliver everything else once", async () => {
  using folder = new TestFolder();
  const damage = await StoreDamage.prepare(folder.path);
  const files = new Set<string>();
  let [reports, lost] = [0, 0];
  await damage.places(1, PLACES, (result) => {
    const { seed, faults, damage: { file, kind } } = result;
    assertEquals({ seed, kind, file, faults }, { seed, kind, file, faults: [] });
    files.add(file);
    reports += result.reports.length;
    lost += result.lost;
  });
  assert(files.has("messages.db") && files.has("messages.db-wal"), [...files].join());
  assert(reports > PLACES / 4 && lost > 0, `${reports} reports, ${lost} lost`);
});

test("lab damage notices a server that loses messages silently", async () => {
  using folder = new TestFolder();
  const damage = await StoreDamage.prepare(folder.path);
  const { listen } = P2pServer;
  // This server says nothing.
  P2pServer.listen = ({ logger: _, ...options } = {}) => listen.call(P2pServer, options);
  try {
    const results: DamageResult[] = [];
    await damage.places(1, 10, (result) => void results.push(result));
    const silent = results.filter(({ faults }) => faults.includes("the log says nothing"));
    assertEquals(silent.length, results.filter(({ lost }) => lost > 0).length);
    assert(silent.length > 0);
  } finally {
    P2pServer.listen = listen;
  }
});
