/**
 * Reading stored messages from the disk by their offsets.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteStore } from "../../../../p2p/server/store/sqlite_store.ts";
import { contents, folder, ids, message, NONE, onDisk } from "./stored_messages.ts";

onDisk("store reads messages by their offsets, whatever else was removed", () => {
  using at = folder();
  const written = Array.from({ length: 300 }, (_, index) => message("x".repeat(index * 7 % 200)));
  {
    using database = SqliteStore.open(at.path, at.logger);
    for (let i = 0; i < 300; i += 100) database.write(written.slice(i, i + 100), [], NONE);
    const { offset } = written[120]!;
    assertEquals(contents(database.read(offset, 50)), contents(written.slice(120, 170)));
    assertEquals(
      [...database.read(offset, 50)].map(({ offset }) => offset - written[120]!.offset),
      [
        ...Array(50).keys(),
      ],
    );
  }
  using database = SqliteStore.open(at.path, at.logger);
  const all = [...database.load()];
  const isGone = (index: number) => index % 10 !== 0;
  const part = (from: number, to: number) =>
    ids(database.read(all[from]!.offset, all[to]!.offset - all[from]!.offset + 1));
  // Nine tenths of the first batch, so that it is rewritten without them.
  for (let i = 0; i < 100; i++) if (isGone(i)) database.write([], [all[i]!], NONE);
  database.write([], all.slice(100, 200).filter((_, index) => isGone(index)), NONE);
  for (const from of [0, 100]) {
    const left = ids(all.slice(from + 5, from + 96).filter((_, index) => !isGone(index + 5)));
    assertEquals(part(from + 5, from + 95), left);
  }
  assertEquals(part(200, 299), ids(all.slice(200)));
  database.write([], all.slice(200), NONE);
  assertEquals(part(200, 299), []);
  assertEquals(at.errors, []);
});

onDisk("store uses no offset twice, even after messages were removed", () => {
  using at = folder();
  using database = SqliteStore.open(at.path, at.logger);
  const offsets = new Set<number>();
  for (let round = 0; round < 3; round++) {
    const two = [message("1"), message("2")];
    database.write(two, [], NONE);
    database.write([], two, NONE);
    for (const { offset } of two) offsets.add(offset);
  }
  assertEquals(offsets.size, 6);
});

onDisk("store that cannot read a message logs it, leaves it out, and accepts more", () => {
  using at = folder();
  const [one, two, three] = [message("1"), message("2"), message("3")];
  using store = SqliteStore.open(at.path, at.logger);
  for (const stored of [one, two]) store.write([stored], [], NONE);
  {
    using other = new DatabaseSync(at.file);
    other.exec("UPDATE batch SET messages = substr(messages, 1, 40) WHERE number = 1");
  }
  assertEquals([...store.read(one.offset, 1)], []);
  assertEquals(at.errors, ["storage.unreadable undefined"]);
  assertEquals(ids(store.read(two.offset, 1)), [two.id]);
  store.write([three], [one, two], NONE);
  assertEquals(ids(store.load()), [three.id]);
});
