/**
 * A server that is killed with messages for users who are away: nothing that was accepted is lost, unless
 * messages are written down after they were accepted, and then the checker says so.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { P2pClient } from "@netlab/p2p";
import { checkHistory, Cluster, type Findings } from "@netlab/lab";
import type { HistoryEvent } from "../../lab/history.ts";
import { TestFolder } from "../folders.ts";
import { storageTest as test } from "../p2p/network.ts";

/** How many messages are sent before each kill. */
const MESSAGES = 200;
/** How many kills. */
const KILLS = 3;
/** How long it is waited for messages when the recipient is there: milliseconds. */
const ARRIVAL_MS = 3_000;

/** Lets Alice write to Bob, who is away, kills her server each time, and lets Bob come at the end. */
async function run(program?: string): Promise<Findings> {
  const history: HistoryEvent[] = [];
  const note = (event: HistoryEvent) => void history.push(event);
  using folder = new TestFolder();
  await using cluster = await Cluster.start({
    servers: 2,
    processes: true,
    data: Deno.realPathSync(folder.path),
    ...program !== undefined && { program },
  });
  await cluster.linked();
  const [first, second] = cluster.servers;
  let number = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    await using alice = await P2pClient.connect({
      name: `Alice ${kill}`,
      servers: [first!.address],
    });
    const { name: sender } = alice;
    await Promise.all(Array.from({ length: MESSAGES }, async (_, index) => {
      const id = String(++number);
      const recipient = "Bob";
      note({ kind: "sent", at: performance.now(), id, sender, recipient, sequence: index + 1 });
      await alice.send(recipient, id);
      note({ kind: "accepted", at: performance.now(), id });
    }));
    await first!.kill();
    await first!.restart();
    await cluster.linked();
  }
  await using bob = await P2pClient.connect({ name: "Bob", servers: [second!.address] });
  const timer = setTimeout(() => void bob.close(), ARRIVAL_MS);
  let left = number;
  for await (const { sender, text: id } of bob) {
    note({ kind: "seen", at: performance.now(), id, sender, recipient: "Bob" });
    if (--left === 0) break;
  }
  clearTimeout(timer);
  return checkHistory(history);
}

test("a server that is killed loses nothing that it accepted", async () => {
  const { exitCode, accepted, lost, duplicated, outOfOrder } = await run();
  assertEquals([lost, duplicated, outOfOrder], [[], [], []]);
  assertEquals([exitCode, accepted], [0, KILLS * MESSAGES]);
});

test("a server that writes down after it accepted loses messages, and the checker says so", async () => {
  const { exitCode, lost } = await run(import.meta.resolve("./forgetful_server.ts"));
  assertEquals(exitCode, 1);
  assert(lost.length > 0);
});
