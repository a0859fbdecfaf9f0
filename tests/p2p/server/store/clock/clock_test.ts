/**
 * How stored messages age when the clock of the machine is wrong or is moved.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { HEADER_BYTES, MessageFields } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { SeenNames } from "../../../../../p2p/core/dedup/seen_names.ts";
import { Mailbox } from "../../../../../p2p/core/mailbox/mailbox.ts";
import { nameFactors } from "../../../../../p2p/core/dedup/tables/name_table.ts";
import { SqliteStore } from "../../../../../p2p/server/store/sqlite_store.ts";
import { MAX_GAP_MS, StoreClock } from "../../../../../p2p/server/store/upkeep/store_clock.ts";
import { TestFolder } from "../../../../folders.ts";
import { pureTest } from "../../../../kinds.ts";
import { freePort, Process } from "../../../../processes.ts";
import { eventually, Inbox, storageTest } from "../../../network.ts";
import { event, PERMISSIONS, SERVER, startServer } from "../../../programs.ts";
import { folder, message, onDisk } from "../stored_messages.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;
/** The correct time. */
const NOW = 1_800_000_000_000;

/** The clocks of a process that started when the clock of the machine was `offset` off. */
const clocks = (time: number, offset = 0) => ({ wall: time + offset, process: time + offset });

/** How old a message is for the second run of a store, which began `gap` after the first ended. */
function ageAfter(gap: number, offsets: [first: number, second: number]): number {
  const first = new StoreClock(undefined, clocks(NOW, offsets[0]));
  const acceptedAt = NOW + offsets[0] + first.shiftMs;
  const record = first.record(clocks(NOW + HOUR_MS, offsets[0]));
  const now = clocks(NOW + HOUR_MS + gap, offsets[1]);
  const second = new StoreClock(record, now);
  return now.process + second.shiftMs - acceptedAt;
}

pureTest("store clock counts a usual pause, and no pause that may be a wrong clock", () => {
  assertEquals(ageAfter(HOUR_MS, [0, 0]), 2 * HOUR_MS);
  assertEquals(ageAfter(MAX_GAP_MS, [0, 0]), HOUR_MS + MAX_GAP_MS);
  assertEquals(ageAfter(MAX_GAP_MS + 1, [0, 0]), HOUR_MS);
  for (const wrong of [-50 * YEAR_MS, -30 * DAY_MS, -DAY_MS, DAY_MS, 30 * DAY_MS, 10 * YEAR_MS]) {
    assertEquals(ageAfter(0, [wrong, 0]), HOUR_MS, `${wrong / DAY_MS} days, then right`);
    assertEquals(ageAfter(0, [0, wrong]), HOUR_MS, `right, then ${wrong / DAY_MS} days`);
  }
});

pureTest("store clock reports moves that it does not count, but no small ones", () => {
  const record = { stored: 0, wall: NOW };
  const uncounted = (wall: number) => new StoreClock(record, { wall, process: 0 }).uncountedMs;
  assertEquals(uncounted(NOW + HOUR_MS), 0);
  assertEquals(uncounted(NOW - 500), 0);
  assertEquals(uncounted(NOW + 30 * DAY_MS), 30 * DAY_MS);
  assertEquals(uncounted(NOW - 30 * DAY_MS), -30 * DAY_MS);

  const clock = new StoreClock(undefined, clocks(NOW));
  assertEquals(clock.jumpMs({ wall: NOW + 1_000, process: NOW + 900 }), 0);
  assertEquals(clock.jumpMs({ wall: NOW + DAY_MS + 2_000, process: NOW + 2_000 }), DAY_MS);
  assertEquals(clock.jumpMs({ wall: NOW + DAY_MS + 3_000, process: NOW + 3_000 }), 0, "once");
});

/** Does something while the clocks of the process show other times. */
function withClocks<T>({ wall, process }: { wall: number; process: number }, work: () => T): T {
  const [date, time] = [Date.now, performance.now];
  Date.now = () => wall;
  performance.now = () => process - performance.timeOrigin;
  try {
    return work();
  } finally {
    [Date.now, performance.now] = [date, time];
  }
}

onDisk("messages expire after seven days of any mixture of clocks, and not before", () => {
  using at = folder();
  /** Runs a server from `now` on for some time. Returns how many messages expire, and how many are left. */
  const run = (now: { wall: number; process: number }, ms: number) => {
    const end = { wall: now.wall + ms, process: now.process + ms };
    const store = withClocks(now, () => SqliteStore.open(at.path, at.logger));
    const limits = { maxAgeMs: 7 * DAY_MS };
    const mailbox = new Mailbox({
      store,
      limits,
      factors: nameFactors(Math.random),
      names: new SeenNames(10, true),
    });
    return withClocks(end, () => {
      using _ = store;
      const expired = mailbox.expire(now.process).length + mailbox.expire(end.process).length;
      mailbox.commit();
      return [expired, mailbox.messages.size];
    });
  };
  const add = (now: { wall: number; process: number }) =>
    withClocks(now, () => {
      using store = SqliteStore.open(at.path, at.logger);
      const mailbox = new Mailbox({
        store,
        limits: {},
        factors: nameFactors(Math.random),
        names: new SeenNames(10, true),
      });
      const { bytes, end, sender } = message("text");
      mailbox.add(sender, new MessageFields().read(bytes, HEADER_BYTES, end), now.process);
      assertEquals(mailbox.commit()?.failed, []);
    });
  // The clock is a month behind, then a month ahead, then right.
  add(clocks(NOW, -30 * DAY_MS));
  assertEquals(run(clocks(NOW, 30 * DAY_MS), DAY_MS), [0, 1]);
  assertEquals(run(clocks(NOW + DAY_MS), 6 * DAY_MS - HOUR_MS), [0, 1]);
  assertEquals(run(clocks(NOW + 7 * DAY_MS - HOUR_MS), 2 * HOUR_MS), [1, 0]);
  // The clock is a month ahead, then right: the message is not stored for longer than seven days.
  add(clocks(NOW, 30 * DAY_MS));
  assertEquals(run(clocks(NOW), 7 * DAY_MS - HOUR_MS), [0, 1]);
  assertEquals(run(clocks(NOW + 7 * DAY_MS - HOUR_MS), 2 * HOUR_MS), [1, 0]);
});

onDisk("a file without a record of the time is taken to be as old as its newest message", () => {
  using at = folder();
  const stored = { ...message("text"), acceptedAt: NOW };
  withClocks(clocks(NOW), () => {
    using store = SqliteStore.open(at.path, at.logger);
    store.write([stored], [], new Uint8Array(0));
  });
  {
    // As an earlier version left it.
    using file = new DatabaseSync(at.file);
    file.exec("DROP TABLE clock");
  }
  withClocks(clocks(NOW + 30 * DAY_MS), () => {
    using store = SqliteStore.open(at.path, at.logger);
    const [loaded] = [...store.load()];
    assertEquals(Math.round(loaded!.acceptedAt), NOW + 30 * DAY_MS);
  });
});

storageTest(
  "p2p server with a clock a month behind loses nothing when it starts with the right one",
  async () => {
    using folder = new TestFolder();
    const port = freePort();
    const address = `127.0.0.1:${port}`;
    {
      await using first = Process.start(SERVER, [
        ...["--port", `${port}`, "--peer", address, "--json", "--data", folder.path],
      ], {
        permissions: ["--preload=./tests/p2p/server/store/clock/month_behind.ts", ...PERMISSIONS],
      });
      await event(first, "listening");
      await using alice = await P2pClient.connect({ name: "Alice", servers: [address] });
      await alice.send("Bob", "from last month");
      await alice.close();
      first.kill("SIGTERM");
      assertEquals((await first.finished()).code, 0);
    }
    await using second = await startServer(port, port, "--data", folder.path);
    const { message } = await event(second, "storage.clock");
    assert((message as string).includes("30 days ahead"), message as string);
    await using bob = await P2pClient.connect({ name: "Bob", servers: [address] });
    const inbox = new Inbox(bob);
    await eventually("it has come", () => inbox.lines.join() === "Alice: from last month");
  },
);
