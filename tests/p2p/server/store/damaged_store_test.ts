/**
 * Damaged files of the SQLite store: what is good is read from them, and the rest is reported.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import type { Logger, StoredMessage } from "@netlab/p2p/core";
import { NetlabError } from "@netlab/protocol";
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

/** The size of a page: bytes. */
const PAGE = 16_384;

/** What a store logged about damage. */
interface Report {
  readonly text: string;
  readonly aside: string;
  readonly messages: number;
  readonly lost: number;
  readonly recipients: string[];
  readonly pages: number;
}

/** A logger that collects reports of damage. */
function reporter(): { reports: Report[]; logger: Logger } {
  const reports: Report[] = [];
  const ignore = () => {};
  const error = (text: string, properties: Record<string, unknown> = {}) => {
    if (properties.event !== "storage.damaged") return;
    reports.push({ text, ...properties } as unknown as Report);
  };
  return { reports, logger: { debug: ignore, info: ignore, warn: ignore, error } };
}

/** Stores messages, each alone, and closes the file. */
function store(path: string, messages: readonly StoredMessage[]): void {
  using store = SqliteStore.open(path, reporter().logger);
  for (const each of messages) store.write([each], [], NONE);
}

/** Changes a file in place. */
function change(file: string, how: (bytes: Uint8Array) => Uint8Array | void): Uint8Array {
  const bytes = Deno.readFileSync(file);
  const changed = how(bytes) ?? bytes;
  Deno.writeFileSync(file, changed);
  return changed;
}

const many = (count: number, length: number) =>
  Array.from(
    { length: count },
    (_, i) => message(`${i} `.repeat(length / 3), i % 2 ? "Bob" : "Cid"),
  );

onDisk("store reads the good rows of a damaged file, and keeps the file under another name", () => {
  using at = folder();
  const stored = many(100, 900);
  store(at.path, stored);
  // A sector in the middle of a page that is full of rows.
  const damaged = change(
    at.file,
    (bytes) => void bytes.fill(0xa5, 8 * PAGE + 4_096, 8 * PAGE + 8_192),
  );
  const { reports, logger } = reporter();
  using opened = SqliteStore.open(at.path, logger);
  const left = ids(opened.load());
  assert(left.length >= 90 && left.length < 100, `${left.length} left`);
  assertEquals(left, ids(stored).filter((id) => left.includes(id)), "in order, each once");
  const [{ text, aside, messages, lost, pages }] = reports as [Report];
  assertEquals([reports.length, messages], [1, left.length]);
  assert(lost + pages > 0);
  assertMatch(text, /is damaged and was renamed to \{aside\}: \d+ messages in it can be read/);
  assertStringIncludes(aside, `${at.file}.damaged-`);
  assertEquals(Deno.readFileSync(aside), damaged, "nothing is thrown away");
  const next = message("goes on");
  opened.write([next], [], NONE);
  assertEquals(ids(opened.load()), [...left, next.id]);
});

onDisk("store finds all messages of a file whose first page is lost", () => {
  for (const from of [0, 100, 60]) {
    using at = folder();
    const stored = many(60, 3_000);
    store(at.path, stored);
    change(at.file, (bytes) => void bytes.fill(0, from, PAGE));
    const { reports, logger } = reporter();
    using opened = SqliteStore.open(at.path, logger);
    assertEquals(ids(opened.load()), ids(stored), `from byte ${from}`);
    assertEquals(reports.map(({ messages, lost }) => ({ messages, lost })), [{
      messages: 60,
      lost: 0,
    }]);
  }
});

onDisk("store notices a flipped bit in a message, and names its recipient", () => {
  using at = folder();
  const stored = [message("Alpha"), message("Beta", "Zoë"), message("Gamma")];
  store(at.path, stored);
  change(at.file, (bytes) => {
    const at = new TextDecoder("latin1").decode(bytes).indexOf("Beta");
    bytes[at]! ^= 4;
  });
  const { reports, logger } = reporter();
  using opened = SqliteStore.open(at.path, logger);
  assertEquals(ids(opened.load()), [stored[0]!.id, stored[2]!.id]);
  const [{ text, messages, lost, recipients, pages }] = reports as [Report];
  assertEquals({ messages, lost, recipients, pages }, {
    ...{ messages: 2, lost: 1, recipients: ["Zoë"], pages: 0 },
  });
  assertStringIncludes(
    text,
    "2 messages in it can be read and will be delivered, 1 message (for Zoë) cannot",
  );
});

onDisk(
  "store knows the messages of a row whose key is damaged, also if another row has that key",
  () => {
    using at = folder();
    const batches = Array.from({ length: 60 }, () => many(5, 90));
    {
      using open = SqliteStore.open(at.path, reporter().logger);
      for (const batch of batches) {
        open.write(batch, [], NONE);
      }
    }
    const bytes = Deno.readFileSync(at.file);
    // Before the values of a record there are its size, its key, the size of its types and the type of the key.
    const first = new TextDecoder("latin1").decode(bytes).indexOf(batches[49]![0]!.id);
    let key = first;
    while (!(bytes[key] === 50 && bytes[key + 2] === 0)) key--;
    for (const bit of [1, 2, 4, 8, 16, 32, 64]) {
      using damaged = folder();
      const copy = bytes.slice();
      copy[key]! ^= bit;
      Deno.writeFileSync(damaged.file, copy);
      const { reports, logger } = reporter();
      using opened = SqliteStore.open(damaged.path, logger);
      assertEquals(ids(opened.load()), ids(batches.flat()), `bit ${bit}`);
      assertEquals(reports.map(({ messages, lost }) => [messages, lost]), [[300, 0]]);
    }
  },
);

/** Stores messages, each alone, and returns the folder of a server that was killed then. */
function killed(path: string, messages: readonly StoredMessage[]): string {
  const folder = `${path}/killed`;
  Deno.mkdirSync(folder);
  using open = SqliteStore.open(path, reporter().logger);
  for (const each of messages) open.write([each], [], NONE);
  for (const suffix of ["", "-wal", "-shm"]) {
    Deno.copyFileSync(`${path}/${FILE}${suffix}`, `${folder}/${FILE}${suffix}`);
  }
  return folder;
}

onDisk("store reads what follows a damaged place in the log, which SQLite would ignore", () => {
  const stored = many(40, 3_000);
  const frame = 24 + PAGE;
  const places: [string, number, number, number][] = [
    ["the header", 0, 32, 40],
    ["the first bytes", 0, 4, 40],
    ["the numbers of a page and of all pages", 32, 40, 40],
    ["the salt of a frame", 32 + 8 + 20 * frame, 32 + 12 + 20 * frame, 40],
    ["a checksum", 48, 49, 40],
    ["the first sector", 0, 512, 40],
    ["a bit in the middle of a page", 32 + 60 * frame + 9_000, 32 + 60 * frame + 9_001, 39],
  ];
  for (const [what, start, end, left] of places) {
    using at = folder();
    const path = killed(at.path, stored);
    change(`${path}/${FILE}-wal`, (bytes) => {
      for (let i = start; i < end; i++) bytes[i]! ^= 0x5a;
    });
    const { reports, logger } = reporter();
    using opened = SqliteStore.open(path, logger);
    const found = ids(opened.load());
    assert(found.length >= left, `${what}: ${found.length} of ${stored.length}`);
    assertEquals(found, ids(stored).filter((id) => found.includes(id)), what);
    assertEquals(reports.map(({ messages }) => messages), [found.length], what);
  }
});

onDisk("store notices that the end of the log is missing", () => {
  using at = folder();
  const stored = many(20, 3_000);
  const path = killed(at.path, stored);
  const frame = 24 + PAGE;
  change(`${path}/${FILE}-wal`, (bytes) => {
    const frames = Math.floor((bytes.length - 32) / frame / 2);
    return bytes.slice(0, 32 + frames * frame);
  });
  const { reports, logger } = reporter();
  using opened = SqliteStore.open(path, logger);
  const left = ids(opened.load());
  assert(left.length > 0 && left.length < 20);
  assertEquals(left, ids(stored).slice(0, left.length));
  assert(reports[0]!.pages > 0, "the rest is reported");
});

onDisk(
  "store reads a log whose database is missing or almost empty, which SQLite would remove",
  () => {
    for (const size of [undefined, 0, 1, 2, 99, 100, 4_096, PAGE - 1]) {
      using at = folder();
      const stored = many(20, 3_000);
      const path = killed(at.path, stored);
      if (size === undefined) Deno.removeSync(`${path}/${FILE}`);
      else change(`${path}/${FILE}`, (bytes) => bytes.slice(0, size));
      using opened = SqliteStore.open(path, reporter().logger);
      assertEquals(ids(opened.load()), ids(stored), `${size} bytes`);
    }
  },
);

onDisk(
  "store reads no text that nobody sent from the cut log of an earlier version, which wrote no checks",
  () => {
    using at = folder();
    const stored = many(12, 3_000);
    const files = new Map<string, Uint8Array>();
    {
      using older = new DatabaseSync(at.file);
      older.exec(`PRAGMA journal_mode = WAL;
      CREATE TABLE batch (number INTEGER PRIMARY KEY, messages BLOB NOT NULL) STRICT;
      CREATE TABLE gone (batch INTEGER PRIMARY KEY, bits BLOB NOT NULL) STRICT;
      CREATE TABLE ends (number INTEGER PRIMARY KEY, receipts BLOB NOT NULL) STRICT;
      PRAGMA user_version = 3`);
      const insert = older.prepare("INSERT INTO batch VALUES (?, ?)");
      for (const [index, { bytes }] of stored.entries()) {
        insert.run(index + 1, new Uint8Array([...new Uint8Array(8), ...bytes]));
      }
      for (const suffix of ["", "-wal"]) {
        files.set(FILE + suffix, Deno.readFileSync(at.file + suffix));
      }
    }
    const frames = new Set(stored.map(({ bytes }) => bytes.toHex()));
    const log = files.get(`${FILE}-wal`)!;
    for (let length = log.length - 1; length > 0; length -= 12_101) {
      using cut = folder();
      for (const [name, bytes] of files) Deno.writeFileSync(`${cut.path}/${name}`, bytes);
      Deno.writeFileSync(`${cut.file}-wal`, log.subarray(0, length));
      const { reports, logger } = reporter();
      using opened = SqliteStore.open(cut.path, logger);
      const left = contents([...opened.load()]).map(({ frame }) => frame.toHex());
      assert(
        left.every((frame) => frames.has(frame)),
        `a text that nobody sent, at ${length} bytes`,
      );
      const [report] = reports;
      assert(report!.lost + report!.pages > 0, `no report at ${length} bytes`);
    }
  },
);

onDisk("store of a killed server without damage reports none", () => {
  using at = folder();
  const stored = many(20, 3_000);
  const { reports, logger } = reporter();
  using opened = SqliteStore.open(killed(at.path, stored), logger);
  assertEquals([ids(opened.load()), reports], [ids(stored), []]);
});

onDisk(
  "store does not bring back what was delivered, although the record of removals is lost",
  () => {
    using at = folder();
    const stored = many(50, 300);
    {
      using open = SqliteStore.open(at.path, reporter().logger);
      open.write(stored, [], NONE);
      open.write([], stored.slice(0, 20), ends(stored.slice(0, 20).map(endOf)));
    }
    // The page with the bits for removed messages.
    change(at.file, (bytes) => void bytes.fill(0, 3 * PAGE, 4 * PAGE));
    const { reports, logger } = reporter();
    using opened = SqliteStore.open(at.path, logger);
    assertEquals(ids(opened.load()), ids(stored.slice(20)));
    assertEquals(reports.length, 1);
  },
);

onDisk("store drops damaged outcomes and keeps the others", () => {
  using at = folder();
  const stored = [message("1"), message("2"), message("3")];
  {
    using open = SqliteStore.open(at.path, reporter().logger);
    open.write(stored, [], NONE);
    for (const each of stored) open.write([], [each], ends([endOf(each)]));
    open.write([message("left")], [], NONE);
  }
  {
    using other = new DatabaseSync(at.file);
    other.exec("UPDATE ends SET receipts = substr(receipts, 1, 7) WHERE number = 3");
  }
  using opened = SqliteStore.open(at.path, reporter().logger);
  assertEquals([...opened.load()].length, 1);
  assertEquals([...opened.loadOutcomes()].map(({ id }) => id), ids(stored).slice(0, 2));
});

onDisk("a file that is no database at all is set aside, and the store begins anew", () => {
  using at = folder();
  const text = new TextEncoder().encode("This is a text, not a database. ".repeat(1_000));
  Deno.writeFileSync(at.file, text);
  const { reports, logger } = reporter();
  using opened = SqliteStore.open(at.path, logger);
  assertEquals([...opened.load()], []);
  assertEquals([reports.length, reports[0]!.messages], [1, 0]);
  assertEquals(Deno.readFileSync(reports[0]!.aside), text);
});

onDisk("a start that was interrupted while it set a damaged file aside is completed", () => {
  using at = folder();
  const stored = [message("1")];
  store(at.path, stored);
  // The damaged file has its new name. Its log and the good file have not.
  Deno.renameSync(at.file, `${at.file}.salvaged`);
  using other = folder();
  const log = `${killed(other.path, many(5, 900))}/${FILE}-wal`;
  Deno.copyFileSync(log, `${at.file}-wal`);
  using opened = SqliteStore.open(at.path, reporter().logger);
  assertEquals(ids(opened.load()), ids(stored));
  const [aside] = [...Deno.readDirSync(at.path)].filter(({ name }) => /damaged-.*-wal$/.test(name));
  assertEquals(Deno.readFileSync(`${at.path}/${aside!.name}`), Deno.readFileSync(log));
});

onDisk("a damaged file that cannot be copied stays as it is, and the server does not start", () => {
  using at = folder();
  store(at.path, many(20, 900));
  const damaged = change(at.file, (bytes) => void bytes.fill(0, 20, PAGE));
  // A folder is in the way of the copy.
  Deno.mkdirSync(`${at.file}.new/in the way`, { recursive: true });
  const error = assertThrows(() => SqliteStore.open(at.path, reporter().logger), NetlabError);
  assertStringIncludes(error.message, "messages.db in it is damaged and cannot be repaired");
  assertEquals(Deno.readFileSync(at.file), damaged);
});
