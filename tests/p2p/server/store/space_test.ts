/**
 * The size of the database: unused space goes back to the disk.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { SqliteStore } from "../../../../p2p/server/store/sqlite_store.ts";
import { TestFolder } from "../../../folders.ts";
import { eventually, Inbox, storageTest, within } from "../../network.ts";
import { contents, folder, message, NONE, onDisk } from "./stored_messages.ts";

const MIB = 1024 * 1024;

/** The size of everything in a folder but the reserve for a full disk: bytes. */
const sizeOf = (path: string) =>
  [...Deno.readDirSync(path)].filter(({ name }) => name !== "messages.reserve").reduce(
    (sum, { name }) => sum + Deno.statSync(`${path}/${name}`).size,
    0,
  );

storageTest(
  "p2p server returns the space of delivered messages to the disk while it runs",
  async () => {
    using folder = new TestFolder();
    const limits = { maxBytes: 100 * MIB };
    await using server = await P2pServer.listen({ data: folder.path, limits });
    await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
    const text = "x".repeat(60_000);
    const sent = await Promise.all(Array.from({ length: 200 }, () => alice.send("Bob", text)));
    await eventually("all is in the files", () => sizeOf(folder.path) > 11 * MIB);
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    const inbox = new Inbox(bob);
    await within("their end", Promise.all(sent.map(({ delivered }) => delivered)));
    assertEquals(inbox.messages.length, sent.length);
    await eventually("the files are small", () => sizeOf(folder.path) < 2 * MIB);
  },
);

onDisk("store keeps the space that it uses, and the messages in it", () => {
  using at = folder();
  using store = SqliteStore.open(at.path, at.logger);
  const messages = Array.from({ length: 300 }, (_, index) => message(`${index}`.padEnd(60_000)));
  for (const each of messages) store.write([each], [], NONE);
  const left = messages.filter((_, index) => index % 3 === 0);
  store.write([], messages.filter((_, index) => index % 3 !== 0), NONE);
  for (let check = 0; check < 20; check++) store.check();
  const size = sizeOf(at.path);
  assert(size > 5 * MIB && size < 15 * MIB, `${size / MIB} MiB`);
  assertEquals(contents(store.load()), contents(left));
});

/** Writes a file as servers did that could not make it smaller. */
function writeOlder(
  at: { path: string; file: string; logger: Parameters<typeof SqliteStore.open>[1] },
) {
  const messages = Array.from({ length: 100 }, (_, index) => message(`${index}`.padEnd(60_000)));
  {
    using store = SqliteStore.open(at.path, at.logger);
    store.write(messages, [], NONE);
    store.write([], messages.slice(0, 10), NONE);
  }
  const tables = ["batch", "gone", "ends"];
  const rows = new Map<string, Record<string, number | Uint8Array>[]>();
  const schema: string[] = [];
  {
    using file = new DatabaseSync(at.file);
    for (const table of tables) {
      rows.set(table, file.prepare(`SELECT * FROM ${table}`).all() as never);
      const sql = file.prepare("SELECT sql FROM sqlite_schema WHERE name = ?").get(table)!.sql;
      schema.push((sql as string).replace(", sum INTEGER", ""));
    }
  }
  Deno.removeSync(at.file);
  using older = new DatabaseSync(at.file);
  older.exec(`PRAGMA journal_mode = WAL; ${schema.join(";")}; PRAGMA user_version = 3`);
  for (const [table, values] of rows) {
    const insert = older.prepare(`INSERT INTO ${table} VALUES (?, ?)`);
    for (const row of values) insert.run(...Object.values(row).slice(0, 2));
  }
  return messages.slice(10);
}

onDisk("a file of an earlier version keeps its messages, and becomes smaller from then on", () => {
  using at = folder();
  const left = writeOlder(at);
  {
    using store = SqliteStore.open(at.path, at.logger);
    assertEquals(contents(store.load()), contents(left));
    store.write([], [...store.load()], NONE);
    for (let check = 0; check < 10; check++) store.check();
    assert(sizeOf(at.path) < 2 * MIB, `${sizeOf(at.path)} bytes`);
  }
  assertEquals([...Deno.readDirSync(at.path)].map(({ name }) => name).sort(), [
    "messages.db",
    "server.lock",
  ]);
});

onDisk("a file of an earlier version that another program reads is used as it is", () => {
  using at = folder();
  const left = writeOlder(at);
  using reader = new DatabaseSync(at.file);
  reader.exec("BEGIN; SELECT * FROM batch");
  reader.prepare("SELECT * FROM batch").all();
  using store = SqliteStore.open(at.path, at.logger);
  assertEquals(reader.prepare("PRAGMA auto_vacuum").get()!.auto_vacuum, 0);
  assertEquals(contents(store.load()), contents(left));
  store.write([], [...store.load()], NONE);
  assertEquals([...store.load()], []);
  assertEquals(at.errors, []);
});
