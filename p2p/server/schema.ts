/**
 * The schema of the database of kept messages, and how each version of it comes out of the one before.
 * Append only: files of every version are out there.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { FrameType, FrameWriter, MessageKind, readUuid, ReceiptRecords } from "@netlab/protocol";
import { BatchWriter, inBatches } from "./batch_codec.ts";

/** Rows that are read together while a file is brought up to date. */
const MANY_ROWS = 1_000;

/** Each makes the schema of its index plus one out of the one before; `user_version` counts them. */
const MIGRATIONS: readonly (string | ((database: DatabaseSync) => void))[] = [
  `CREATE TABLE message (
     number INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     sender TEXT NOT NULL,
     recipient TEXT NOT NULL,
     accepted_at INTEGER NOT NULL,
     message BLOB NOT NULL
   ) STRICT`,
  `CREATE TABLE ended (
     number INTEGER PRIMARY KEY,
     id BLOB NOT NULL,
     state INTEGER NOT NULL,
     code INTEGER NOT NULL,
     reason TEXT NOT NULL
   ) STRICT`,
  intoBatches,
];

/**
 * Brings a file up to date.
 *
 * @throws {Error} When a newer version wrote it, or it is damaged.
 */
export function migrate(database: DatabaseSync): void {
  const version = database.prepare("PRAGMA user_version").get()!.user_version as number;
  if (version > MIGRATIONS.length) {
    throw new Error(`it was written by a newer version (${version}); use that one`);
  }
  for (const [index, migration] of MIGRATIONS.entries()) {
    if (index < version) continue;
    database.exec("BEGIN IMMEDIATE");
    try {
      if (typeof migration === "string") database.exec(migration);
      else migration(database);
      database.exec(`PRAGMA user_version = ${index + 1}; COMMIT`);
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }
}

/**
 * From a row for each message and each end to a row for what was written together:
 *
 * - `batch`: messages that came within a turn, as `mail_batch.ts` lays them out.
 * - `gone`: of a batch of which some messages were removed, a bit for each one.
 * - `ends`: receipts, as they stand in a frame of type 6.
 */
function intoBatches(database: DatabaseSync): void {
  database.exec(
    `CREATE TABLE batch (number INTEGER PRIMARY KEY, messages BLOB NOT NULL) STRICT;
     CREATE TABLE gone (batch INTEGER PRIMARY KEY, bits BLOB NOT NULL) STRICT;
     CREATE TABLE ends (number INTEGER PRIMARY KEY, receipts BLOB NOT NULL) STRICT`,
  );
  const writer = new BatchWriter();
  const batch = database.prepare("INSERT INTO batch (messages) VALUES (?)");
  for (const rows of inParts(database, "message")) {
    const messages = rows.map(({ accepted_at, message }) => {
      const bytes = frameOf(message as Uint8Array);
      return { acceptedAt: accepted_at as number, bytes, start: 0, end: bytes.length };
    });
    // A batch has one time for all of its messages.
    for (let from = 0, to = 0; from < messages.length; from = to) {
      const { acceptedAt } = messages[from]!;
      while (messages[to]?.acceptedAt === acceptedAt) to++;
      for (const some of inBatches(messages.slice(from, to))) batch.run(writer.encode(some));
    }
  }
  const ends = database.prepare("INSERT INTO ends (receipts) VALUES (?)");
  for (const rows of inParts(database, "ended")) {
    const receipts = new ReceiptRecords();
    for (const { id, state, code, reason } of rows) {
      receipts.addReceipt({
        id: readUuid(id as Uint8Array, 0),
        state: state as number,
        code: code as number,
        reason: reason as string,
      });
    }
    ends.run(receipts.bytes);
  }
  database.exec("DROP TABLE message; DROP TABLE ended");
}

function frameOf(message: Uint8Array): Uint8Array {
  const out = new FrameWriter();
  out.frame(FrameType.Message, MessageKind.Durable, message);
  return out.take();
}

/** All rows of a table in order of their numbers, some at a time: they may not all fit into memory. */
function* inParts(database: DatabaseSync, table: string): Iterable<Record<string, unknown>[]> {
  const select = database.prepare(
    `SELECT * FROM ${table} WHERE number > ? ORDER BY number LIMIT ${MANY_ROWS}`,
  );
  for (let last = 0;;) {
    const rows = select.all(last);
    if (rows.length === 0) return;
    yield rows;
    last = rows.at(-1)!.number as number;
  }
}
