/**
 * The SQLite store: transactions, what survives a crash, and files that are damaged, in use or of another
 * version.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { ErrorCode, NetlabError, type Receipt, ReceiptState } from "@netlab/protocol";
import { MIN_OUTCOMES } from "../../../../p2p/core/mailbox/outcomes.ts";
import { SqliteStore } from "../../../../p2p/server/store/sqlite_store.ts";
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

onDisk("store loads what was written, unchanged and in order", () => {
  using at = folder();
  using database = SqliteStore.open(at.path, at.logger);
  assertEquals([...database.load()], []);
  const written = ["one", "", "a\0b", "🦊".repeat(15_000)].map((text) => message(text));
  database.write(written.slice(0, 2), [], NONE);
  database.write(written.slice(2), [], NONE);
  assertEquals(contents(database.load()), contents(written));
  assert(database.durable);
});

onDisk("store removes messages, and ignores those that were never stored", () => {
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

onDisk("store removes the messages of a batch one by one, and frees their space", () => {
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

onDisk("store keeps the newest outcomes and deletes the oldest", () => {
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

onDisk("store has the same messages after it is opened again, and continues in order", () => {
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

onDisk("store has what was written when its process ends without closing it", () => {
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

onDisk("store writes a whole transaction or nothing, and continues after a failure", () => {
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

onDisk(
  "store on a full disk refuses messages, keeps what it has, and can still remove messages",
  () => {
    using at = folder();
    const stored = [message("1"), message("2")];
    {
      using database = SqliteStore.open(at.path, at.logger);
      database.write(stored, [], NONE);
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
    assertEquals(ids(database.load()), [stored[1]!.id], "removing needs no room");
    database.write([], [first!], NONE);
    database.write([more[0]!], [], NONE);
    assertEquals(ids(database.load()), [stored[1]!.id, more[0]!.id]);
  },
);

onDisk("a second server with the same folder is refused and does no harm", () => {
  using at = folder();
  using database = SqliteStore.open(at.path, at.logger);
  const stored = message("stored");
  database.write([stored], [], NONE);
  const error = assertThrows(() => SqliteStore.open(at.path, at.logger), Error);
  assertStringIncludes(error.message, at.path);
  assertStringIncludes(error.message, `process ${Deno.pid} uses it; choose another folder`);
  assertEquals(at.errors, []);
  database.write([message("more")], [], NONE);
  assertEquals([...database.load()].length, 2);
});

onDisk("a file with another schema version is refused with that version, and left alone", () => {
  using at = folder();
  SqliteStore.open(at.path, at.logger)[Symbol.dispose]();
  for (const version of [1, 2, 4, 99]) {
    {
      using other = new DatabaseSync(at.file);
      other.exec(`PRAGMA user_version = ${version}`);
    }
    const before = Deno.readFileSync(at.file);
    const error = assertThrows(() => SqliteStore.open(at.path, at.logger), NetlabError);
    assertEquals(error.code, ErrorCode.StorageFailed);
    assertStringIncludes(
      error.message,
      `has format ${version}, but this version of netlab reads only format 3`,
    );
    assertEquals(Deno.readFileSync(at.file), before);
  }
  assertEquals([...Deno.readDirSync(at.path)].filter(({ name }) => name.includes("damaged")), []);
  assertEquals(at.errors, []);
});

onDisk("an empty file gets the current schema", () => {
  using at = folder();
  {
    using empty = new DatabaseSync(at.file);
    empty.exec("PRAGMA user_version = 0");
  }
  const stored = message("stored");
  {
    using database = SqliteStore.open(at.path, at.logger);
    database.write([stored], [], NONE);
    assertEquals(ids(database.load()), [stored.id]);
  }
  using database = new DatabaseSync(at.file);
  assertEquals(database.prepare("PRAGMA user_version").get()!.user_version, 3);
});

onDisk("a file whose tables are missing is refused", () => {
  using at = folder();
  {
    using other = new DatabaseSync(at.file);
    other.exec("CREATE TABLE something (number INTEGER); PRAGMA user_version = 3");
  }
  const error = assertThrows(() => SqliteStore.open(at.path, at.logger), NetlabError);
  assertStringIncludes(error.message, "no such table");
  // The file is not locked any more.
  using other = new DatabaseSync(at.file);
  other.exec("INSERT INTO something VALUES (1)");
});

onDisk("a file of schema version 3 is read as it was written, byte by byte", () => {
  using at = folder();
  const [one, two, three] = ["a", "b", "c"].map((digit) =>
    `${digit}0000000-0000-4000-8000-000000000001`
  );
  const frame = (id: string, text: string) => {
    const payload = encoder.encode(`${id}\0Zoë\0Bob\0${text}`);
    return new Uint8Array([3, 1, payload.length >>> 8, payload.length & 255, 0, 0, ...payload]);
  };
  const frames = [frame(one!, "first"), frame(two!, "second"), frame(three!, "third")];
  {
    using file = new DatabaseSync(at.file);
    file.exec(`
      CREATE TABLE batch (number INTEGER PRIMARY KEY, messages BLOB NOT NULL) STRICT;
      CREATE TABLE gone (batch INTEGER PRIMARY KEY, bits BLOB NOT NULL) STRICT;
      CREATE TABLE ends (number INTEGER PRIMARY KEY, receipts BLOB NOT NULL) STRICT;
      PRAGMA user_version = 3`);
    const time = new Uint8Array(8);
    new DataView(time.buffer).setFloat64(0, 1_800_000_000_123);
    const gap = [0, 0, 0, 0, 0, 2];
    const insert = file.prepare("INSERT INTO batch VALUES (?, ?)");
    insert.run(4, new Uint8Array([...time, ...frames[0]!, ...frames[1]!]));
    insert.run(7, new Uint8Array([...time, ...gap, ...frames[2]!]));
    file.prepare("INSERT INTO gone VALUES (?, ?)").run(4, Uint8Array.of(0b10));
    file.prepare("INSERT INTO ends VALUES (?, ?)").run(1, ends([endOf({ id: two! })]));
  }
  using database = SqliteStore.open(at.path, at.logger);
  const expected = (id: string, frame: Uint8Array) => ({
    ...{ id, sender: "Zoë", recipient: "Bob", acceptedAt: 1_800_000_000_123 },
    frame,
  });
  assertEquals(contents(database.load()), [
    expected(one!, frames[0]!),
    expected(three!, frames[2]!),
  ]);
  assertEquals([...database.loadOutcomes()], [endOf({ id: two! })]);
  assertEquals(at.errors, []);
});

onDisk("a missing folder is created, and an error names one that cannot be created", () => {
  using at = folder();
  const deep = `${at.path}/a/b`;
  SqliteStore.open(deep, at.logger)[Symbol.dispose]();
  assert(Deno.statSync(`${deep}/${FILE}`).isFile);
  const error = assertThrows(() => SqliteStore.open(`${deep}/${FILE}`, at.logger), Error);
  assertStringIncludes(error.message, `Cannot store messages in ${deep}/${FILE}`);
  assertThrows(() => SqliteStore.open(`${deep}/${FILE}/below`, at.logger), Error, "Cannot store");
});

onDisk("a folder in the place of a file is named", () => {
  for (const name of [FILE, `${FILE}-wal`, `${FILE}-shm`, "server.lock", "messages.reserve"]) {
    using at = folder();
    Deno.mkdirSync(`${at.path}/${name}`);
    const error = assertThrows(() => SqliteStore.open(at.path, at.logger), Error);
    const why = `${name} in it is a folder; choose another folder`;
    assertEquals(error.message, `Cannot store messages in ${at.path}: ${why}`);
  }
});
