/**
 * The directory merges snapshots and changes. No connection is involved.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { NIL_UUID, UserKind, type UserRecord } from "@netlab/protocol";
import { LIMITS } from "@netlab/p2p/core";
import { pureTest } from "../../../kinds.ts";
import { Directory } from "../../../../p2p/core/mesh/directory.ts";
import { isSameUser, keepsName } from "../../../../p2p/core/mesh/locations/same_name.ts";
import fc from "fast-check";
import { randomUuid, seeded } from "@netlab/lab/random";

const random = seeded(1);
const [A, B, SESSION] = [randomUuid(random), randomUuid(random), randomUuid(random)];

function user(name: string, changed: Partial<UserRecord> = {}): UserRecord {
  return { name, kind: UserKind.Session, session: SESSION, since: 1, ...changed };
}

function names(directory: Directory, server: string): string[] {
  return [...directory.users(server)].map(({ name }) => name).sort();
}

/** The locations of a user. Their order may differ between directories. */
function locationsOf(directory: Directory, name: string) {
  return [...directory.located.find(name)].map(({ server, user }) => ({ server, user }));
}

pureTest("directory counts the changes of its own users", () => {
  const directory = new Directory(A);
  assertEquals(directory.versions(), [{ server: A, version: 0 }]);
  assertEquals(directory.add(user("Ann")).version, 1);
  assertEquals(directory.add(user("Bob")).version, 2);
  const removal = directory.remove("Ann")!;
  assertEquals(removal.version, 3);
  assertEquals(removal.changes[0]!.kind, UserKind.Gone);
  assertEquals(directory.remove("Ann"), undefined);
  assertEquals(directory.version(A), 3);
  assertEquals(names(directory, A), ["Bob"]);
  assertEquals([...directory.located.find("Ann")], []);
});

pureTest("directory applies changes once, in order, and says when some are missing", () => {
  const origin = new Directory(A);
  const copy = new Directory(B);
  const [snapshot] = origin.snapshot(A);
  const changes = ["Ann", "Bob", "Cid"].map((name) => origin.add(user(name)));
  assertEquals(copy.applyChanges(changes[0]!), "gap");
  assertEquals(copy.applySnapshot(snapshot!), "applied");
  assertEquals(copy.applyChanges(changes[0]!), "applied");
  assertEquals(copy.applyChanges(changes[0]!), "old");
  assertEquals(copy.applyChanges(changes[2]!), "gap");
  assertEquals(names(copy, A), ["Ann"]);
  const both = { server: A, version: 1, changes: changes.flatMap(({ changes }) => changes) };
  assertEquals(copy.applyChanges(both), "applied");
  assertEquals(names(copy, A), ["Ann", "Bob", "Cid"]);
  assertEquals(copy.version(A), 3);
});

pureTest("directory ignores changes to its own users from others", () => {
  const directory = new Directory(A);
  directory.add(user("Ann"));
  const gone = user("Ann", { kind: UserKind.Gone });
  assertEquals(directory.applyChanges({ server: A, version: 2, changes: [gone] }), "old");
  const snapshot = { server: A, version: 9, part: 0, parts: 1, users: [] };
  assertEquals(directory.applySnapshot(snapshot), "old");
  assertEquals(names(directory, A), ["Ann"]);
});

pureTest("directory applies a snapshot of several parts when the last one has arrived", () => {
  const origin = new Directory(A);
  for (let i = 0; i < 700; i++) origin.add(user(`User ${i}`));
  const parts = [...origin.snapshot(A)];
  assertEquals(parts.length, 4);
  const copy = new Directory(B);
  for (const part of [3, 1, 1, 0]) assertEquals(copy.applySnapshot(parts[part]!), "gap");
  assertEquals(names(copy, A), []);
  assertEquals(copy.applySnapshot(parts[2]!), "applied");
  assertEquals(names(copy, A), names(origin, A));
  assertEquals(copy.applySnapshot(parts[2]!), "old");
});

pureTest("directory does not mix parts of two versions", () => {
  const origin = new Directory(A);
  for (let i = 0; i < 300; i++) origin.add(user(`User ${i}`));
  const [first, second] = [...origin.snapshot(A)];
  origin.remove("User 0");
  const [newFirst, newSecond] = [...origin.snapshot(A)];
  const copy = new Directory(B);
  assertEquals(copy.applySnapshot(first!), "gap");
  assertEquals(copy.applySnapshot(newSecond!), "gap");
  assertEquals(copy.applySnapshot(second!), "old");
  assertEquals(copy.applySnapshot(newFirst!), "applied");
  assertEquals(names(copy, A), names(origin, A));
  assertEquals(copy.version(A), 301);
});

pureTest("directory forgets a server with all its users, and no users of others", () => {
  const directory = new Directory(A);
  directory.add(user("Ann"));
  const snapshot = {
    server: B,
    version: 5,
    part: 0,
    parts: 1,
    users: [user("Ann"), user("Bob")],
  };
  directory.applySnapshot(snapshot);
  assertEquals([...directory.located.find("Ann")].length, 2);
  directory.forget(B);
  assertEquals([...directory.located.find("Ann")].map(({ server }) => server), [A]);
  assertEquals([...directory.located.find("Bob")], []);
  assertEquals(directory.version(B), -1);
});

pureTest(
  "directory copies equal the original after any changes, although some are lost or repeated",
  () => {
    const step = fc.record({
      name: fc.constantFrom("a", "b", "c", "d"),
      comes: fc.boolean(),
      arrives: fc.nat(2),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const origin = new Directory(A);
      const copy = new Directory(B);
      for (const { name, comes, arrives } of steps) {
        const change = comes ? origin.add(user(name)) : origin.remove(name);
        for (let i = 0; change && i < arrives; i++) copy.applyChanges(change);
      }
      if (copy.version(A) < origin.version(A)) {
        for (const part of origin.snapshot(A)) copy.applySnapshot(part);
      }
      assertEquals([...copy.users(A)], [...origin.users(A)]);
      assertEquals(copy.version(A), origin.version(A));
      for (const name of ["a", "b", "c", "d"]) {
        assertEquals(locationsOf(copy, name), locationsOf(origin, name));
      }
    }));
  },
);

pureTest(
  "two entries are one user if they have one session, or if both are behind legacy servers",
  () => {
    const other = randomUuid(random);
    const legacy = user("Ann", { kind: UserKind.LegacyClient, session: NIL_UUID });
    const behind = user("Ann", { kind: UserKind.OnLegacyServer, session: NIL_UUID });
    assert(isSameUser(user("Ann"), user("Ann", { since: 9 })));
    assert(!isSameUser(user("Ann"), user("Ann", { session: other })));
    assert(!isSameUser(legacy, legacy));
    assert(isSameUser(behind, behind));
    assert(!isSameUser(legacy, behind));
  },
);

pureTest("of two users with one name, every server lets the older one keep it", () => {
  const anEntry = fc.record({
    server: fc.constantFrom(A, B),
    user: fc.record({
      name: fc.constant("Ann"),
      kind: fc.constantFrom(UserKind.Session, UserKind.LegacyClient),
      session: fc.constantFrom(NIL_UUID, SESSION),
      since: fc.nat(2),
    }),
  });
  fc.assert(fc.property(anEntry, anEntry, (one, other) => {
    if (one.server === other.server) return;
    assertEquals(keepsName(one, other), !keepsName(other, one));
    if (one.user.since < other.user.since) assert(keepsName(one, other));
  }));
});

pureTest("directory knows the users of a limited number of servers", () => {
  const directory = new Directory(A);
  const most = LIMITS.servers.default;
  const servers = Array.from({ length: most + 100 }, () => randomUuid(random));
  for (const server of servers) {
    directory.applySnapshot({ server, version: 1, part: 0, parts: 1, users: [user("Ann")] });
    directory.applyChanges({ server: randomUuid(random), version: 0, changes: [user("Bob")] });
  }
  assertEquals(directory.versions().length, most);
  // Incomplete snapshots count, too, and one that claims to be endless is ignored.
  const others = new Directory(A);
  const part = { version: 1, part: 0, users: [user("Ann")] };
  assertEquals(others.applySnapshot({ server: B, ...part, parts: 65_535 }), "old");
  for (const server of servers) others.applySnapshot({ server, ...part, parts: 2 });
  const done = servers.filter((server) =>
    others.applySnapshot({ server, ...part, part: 1, parts: 2 }) === "applied"
  );
  assert(done.length < most, `${done.length}`);
  // The others still change.
  const [server] = servers as [string];
  assertEquals(directory.applyChanges({ server, version: 2, changes: [user("Cid")] }), "applied");
});
