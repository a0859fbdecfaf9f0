/**
 * Kept messages on disk: written together or not at all, there again after a crash, and a file that is
 * damaged, in use or too new told apart.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { ErrorCode, HEADER_BYTES, type Receipt, ReceiptState, writeUuid } from "@netlab/protocol";
import { MIN_OUTCOMES } from "../../p2p/core/mailbox/outcomes.ts";
import { SqliteStore } from "../../p2p/server/sqlite_store.ts";
import {
  contents,
  endOf,
  ends,
  FILE,
  folder,
  ids,
  message,
  NONE,
  onDisk,
} from "./stored_messages.ts";

const encoder = new TextEncoder();

onDisk("database gives back what was written, as it was and in that order", () => {
  using at = folder();
  using database = SqliteStore.open(at.path, at.logger);
  assertEquals([...database.load()], []);
  const written = ["one", "", "a\0b", "🦊".repeat(15_000)].map((text) => message(text));
  database.write(written.slice(0, 2), [], NONE);
  database.write(written.slice(2), [], NONE);
  assertEquals(contents(database.load()), contents(written));
  assert(database.durable);
});

onDisk("database takes out what is removed, and knows what it has never seen", () => {
  using at = folder();
  using database = SqliteStore.open(at.path, at.logger);
  const [one, two, three] = [message("1"), message("2"), message("3")];
  database.write([one, two, three], [], NONE);
  database.write([], [two, message("never written")], NONE);
  assertEquals(ids(database.load()), [one.id, three.id]);
  database.write([two], [one], NONE);
  assertEquals(ids(database.load()), [three.id, two.id], "what comes again is the newest");
  database.write([three], [three], NONE);
  assertEquals(ids(database.load()), [two.id, three.id], "what went may have come again since");
});

onDisk("database takes out of a batch one by one, and gives back its room", () => {
  using at = folder();
  const written = Array.from({ length: 120 }, (_, index) => message("x".repeat(index * 7 % 200)));
  const isLeft = (index: number) => index % 20 === 0 || index === 119;
  const left = written.filter((_, index) => isLeft(index));
  const bytesOf = (file: string) => {
    using database = new DatabaseSync(file);
    return database.prepare("SELECT sum(length(messages)) AS n FROM batch").get()!.n as number;
  };
  {
    using database = SqliteStore.open(at.path, at.logger);
    database.write(written, [], NONE);
  }
  const before = bytesOf(at.file);
  {
    using database = SqliteStore.open(at.path, at.logger);
    const removed = [...database.load()].filter((_, index) => !isLeft(index));
    for (const stored of removed) database.write([], [stored], NONE);
    assertEquals(ids(database.load()), ids(left));
  }
  assert(bytesOf(at.file) < before / 4, `${bytesOf(at.file)} of ${before} bytes`);
  {
    using database = SqliteStore.open(at.path, at.logger);
    const rest = [...database.load()];
    assertEquals(ids(rest), ids(left), "after opening it again");
    database.write([], rest.slice(0, 5), NONE);
    assertEquals(ids(database.load()), ids(left.slice(5)), "goes on where it was");
    database.write([], rest.slice(5), NONE);
  }
  using after = new DatabaseSync(at.file);
  const count = (table: string) => after.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n;
  assertEquals([count("batch"), count("gone")], [0, 0], "nothing is left behind");
});

onDisk("database remembers how the newest stories ended, and forgets the oldest", () => {
  using at = folder();
  const end = (index: number): Receipt => ({
    id: crypto.randomUUID(),
    state: index % 2 === 0 ? ReceiptState.Delivered : ReceiptState.Refused,
    code: index % 2 === 0 ? 0 : ErrorCode.MailboxFull,
    reason: index % 2 === 0 ? "" : "Bob’s is full",
  });
  const all = Array.from({ length: 2 * MIN_OUTCOMES + 3 }, (_, index) => end(index));
  {
    using database = SqliteStore.open(at.path, at.logger);
    database.write([], [], ends(all.slice(0, 3)));
  }
  {
    using database = SqliteStore.open(at.path, at.logger);
    database.write([], [], ends(all.slice(3)));
  }
  using database = SqliteStore.open(at.path, at.logger);
  const loaded = [...database.loadOutcomes()];
  assertEquals(loaded.length, 2 * MIN_OUTCOMES);
  assertEquals([loaded[0], loaded.at(-1)], [all[3], all.at(-1)]);
});

onDisk("database has after opening it again what it had before, and goes on in order", () => {
  using at = folder();
  const written = Array.from({ length: 5 }, (_, index) => message(`${index}`));
  for (const one of written) {
    using database = SqliteStore.open(at.path, at.logger);
    database.write([one], [], NONE);
  }
  using database = SqliteStore.open(at.path, at.logger);
  assertEquals(ids(database.load()), ids(written));
  assertEquals(at.errors, []);
});

onDisk("database has what was written when its process ended without closing it", () => {
  using at = folder();
  const written = [message("1"), message("2")];
  {
    using database = SqliteStore.open(at.path, at.logger);
    database.write(written, [], NONE);
    // What is on the disk at this moment is all that a process leaves behind that is killed.
    for (const suffix of ["", "-wal"]) {
      Deno.copyFileSync(at.file + suffix, `${at.path}/copy${suffix}`);
    }
  }
  const next = `${at.path}/next`;
  Deno.mkdirSync(next);
  for (const suffix of ["", "-wal"]) {
    Deno.renameSync(`${at.path}/copy${suffix}`, `${next}/${FILE}${suffix}`);
  }
  using database = SqliteStore.open(next, at.logger);
  assertEquals(ids(database.load()), ids(written));
});

onDisk("database writes all of a turn or nothing, and goes on after a failure", () => {
  using at = folder();
  using database = SqliteStore.open(at.path, at.logger);
  const before = message("before");
  database.write([before], [], NONE);
  const broken = { ...message("broken"), bytes: null as unknown as Uint8Array };
  assertThrows(() => database.write([message("good"), broken], [before], NONE), Error);
  assertEquals(ids(database.load()), [before.id]);
  const after = message("after");
  database.write([after], [], NONE);
  assertEquals(ids(database.load()), [before.id, after.id]);
});

onDisk("database that has no more room refuses, keeps what it had, and takes out again", () => {
  using at = folder();
  const kept = [message("1"), message("2")];
  {
    using database = SqliteStore.open(at.path, at.logger);
    database.write(kept, [], NONE);
  }
  {
    // A full disk ends the transaction by itself, and so does this.
    using other = new DatabaseSync(at.file);
    other.exec(`CREATE TRIGGER full BEFORE INSERT ON ends
      BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END`);
  }
  using database = SqliteStore.open(at.path, at.logger);
  const [first] = [...database.load()];
  const more = [message("3"), message("4", "Cid")];
  assertThrows(() => database.write(more, [first!], ends([endOf(first!)])), Error, "full");
  assertEquals(ids(database.load()), ids(kept));
  database.write([], [first!], NONE);
  database.write([more[0]!], [], NONE);
  assertEquals(ids(database.load()), [kept[1]!.id, more[0]!.id]);
});

onDisk("a second server on one folder is told to choose another, and harms nothing", () => {
  using at = folder();
  using database = SqliteStore.open(at.path, at.logger);
  const kept = message("kept");
  database.write([kept], [], NONE);
  const error = assertThrows(() => SqliteStore.open(at.path, at.logger), Error);
  assertStringIncludes(error.message, at.path);
  assertStringIncludes(error.message, "another server uses it; choose another folder");
  assertEquals(at.errors, []);
  database.write([message("more")], [], NONE);
  assertEquals([...database.load()].length, 2);
});

onDisk("a damaged file is set aside under a name that is logged, and a new one begun", () => {
  for (const damage of ["no database at all", "pages torn"] as const) {
    using at = folder();
    {
      using database = SqliteStore.open(at.path, at.logger);
      for (let i = 0; i < 50; i++) database.write([message(`${i} ${"x".repeat(3_000)}`)], [], NONE);
    }
    const bytes = Deno.readFileSync(at.file);
    if (damage === "pages torn") bytes.fill(0xa5, 4_096, 4_096 * 6);
    else bytes.set(encoder.encode("This is a text, not a database."));
    Deno.writeFileSync(at.file, bytes);
    using database = SqliteStore.open(at.path, at.logger);
    assertEquals([...database.load()], [], damage);
    const [logged] = at.errors;
    assertEquals(at.errors.length, 1);
    const aside = logged!.slice("storage.damaged ".length);
    assertStringIncludes(aside, `${at.file}.damaged-`);
    assertEquals(Deno.readFileSync(aside), bytes, "nothing is thrown away");
    const next = message("goes on");
    database.write([next], [], NONE);
    assertEquals(ids(database.load()), [next.id]);
  }
});

onDisk("a file that a newer version wrote is refused with that version, and left alone", () => {
  using at = folder();
  SqliteStore.open(at.path, at.logger)[Symbol.dispose]();
  {
    using newer = new DatabaseSync(at.file);
    newer.exec("PRAGMA user_version = 99");
  }
  const error = assertThrows(() => SqliteStore.open(at.path, at.logger), Error);
  assertStringIncludes(error.message, "newer version (99)");
  assertEquals([...Deno.readDirSync(at.path)].filter(({ name }) => name.includes("damaged")), []);
});

onDisk("a file without a version, as the first one left it, is brought up to date", () => {
  using at = folder();
  {
    using empty = new DatabaseSync(at.file);
    empty.exec("PRAGMA user_version = 0");
  }
  const kept = message("kept");
  {
    using database = SqliteStore.open(at.path, at.logger);
    database.write([kept], [], NONE);
    assertEquals(ids(database.load()), [kept.id]);
  }
  using database = new DatabaseSync(at.file);
  assertEquals(database.prepare("PRAGMA user_version").get()!.user_version, 3);
});

onDisk("a file with a row for each message keeps its messages, its ends and their order", () => {
  using at = folder();
  const kept = Array.from({ length: 2_500 }, (_, index) => ({
    ...message(`${index}`),
    acceptedAt: 1_800_000_000_000 + Math.floor(index / 7),
  }));
  const all = kept.slice(0, 1_200).map(({ id }, index): Receipt => ({
    id,
    state: index % 2 === 0 ? ReceiptState.Delivered : ReceiptState.Refused,
    code: index % 2 === 0 ? 0 : ErrorCode.MailboxFull,
    reason: index % 2 === 0 ? "" : "Zoë’s is full",
  }));
  {
    using older = new DatabaseSync(at.file);
    older.exec(
      `CREATE TABLE message (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
         sender TEXT NOT NULL, recipient TEXT NOT NULL, accepted_at INTEGER NOT NULL,
         message BLOB NOT NULL) STRICT;
       CREATE TABLE ended (number INTEGER PRIMARY KEY, id BLOB NOT NULL, state INTEGER NOT NULL,
         code INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;
       PRAGMA user_version = 2; BEGIN`,
    );
    const insert = older.prepare("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)");
    for (const [index, { id, sender, recipient, acceptedAt, bytes }] of kept.entries()) {
      const message = bytes.subarray(HEADER_BYTES);
      insert.run(2 * index + 1, id, sender, recipient, acceptedAt, message);
    }
    const insertEnd = older.prepare("INSERT INTO ended VALUES (NULL, ?, ?, ?, ?)");
    for (const { id, state, code, reason } of all) {
      const bytes = new Uint8Array(16);
      writeUuid(id, bytes, 0);
      insertEnd.run(bytes, state, code, reason);
    }
    older.exec("COMMIT");
  }
  using database = SqliteStore.open(at.path, at.logger);
  assertEquals(contents(database.load()), contents(kept));
  assertEquals([...database.loadOutcomes()], all);
  const [first] = [...database.load()];
  const next = message("next");
  database.write([next], [first!], NONE);
  assertEquals(ids(database.load()), ids([...kept.slice(1), next]));
  assertEquals(at.errors, []);
});

onDisk("what is damaged in the file is logged, and the rest is there", () => {
  using at = folder();
  const [one, two, three] = [message("1"), message("2"), message("3")];
  {
    using database = SqliteStore.open(at.path, at.logger);
    for (const stored of [one, two, three]) database.write([stored], [], ends([endOf(stored)]));
  }
  {
    using other = new DatabaseSync(at.file);
    other.exec("UPDATE batch SET messages = substr(messages, 1, 40) WHERE number = 2");
    other.exec("UPDATE ends SET receipts = substr(receipts, 1, 7) WHERE number = 3");
  }
  using database = SqliteStore.open(at.path, at.logger);
  assertEquals(ids(database.load()), [one.id, three.id]);
  assertEquals(at.errors.length, 1);
  assertEquals([...database.loadOutcomes()].map(({ id }) => id), [one.id, two.id]);
  assertEquals(at.errors.length, 2);
});

onDisk("a folder is made where there is none, and one that cannot be is named", () => {
  using at = folder();
  const deep = `${at.path}/a/b`;
  SqliteStore.open(deep, at.logger)[Symbol.dispose]();
  assert(Deno.statSync(`${deep}/${FILE}`).isFile);
  const error = assertThrows(() => SqliteStore.open(`${deep}/${FILE}`, at.logger), Error);
  assertStringIncludes(error.message, `Cannot keep messages in ${deep}/${FILE}`);
  assertThrows(() => SqliteStore.open(`${deep}/${FILE}/below`, at.logger), Error, "Cannot keep");
});
