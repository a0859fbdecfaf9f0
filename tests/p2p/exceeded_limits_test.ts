/**
 * Exceeds limits of the table by one, and finds what the table says. Other limits have their tests where the code is
 * that enforces them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Limit, LIMITS } from "@netlab/p2p/core";
import {
  Capability,
  ErrorCode,
  type Frame,
  FrameType,
  HEADER_BYTES,
  MessageKind,
  PresenceKind,
  type PresenceSnapshot,
  readPresenceNames,
  ReceiptState,
  UserKind,
  writePresenceNames,
  writePresenceSnapshot,
} from "@netlab/protocol";
import { addressOf, VirtualKeys, VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";
import { pureTest } from "../kinds.ts";
import type { Context } from "../../p2p/core/host.ts";
import { SignedLists } from "../../p2p/core/mesh/presence/signed_lists.ts";
import { Statements } from "../../p2p/core/mesh/statements/statements.ts";
import { Directory } from "../../p2p/core/mesh/directory.ts";
import { PendingReceipts } from "../../p2p/core/durable/pending_receipts.ts";
import { SeenNames } from "../../p2p/core/dedup/seen_names.ts";
import { Usage } from "../../p2p/core/mailbox/usage.ts";
import { withDefaults } from "../../p2p/core/server_limits.ts";
import { Recipients } from "../../p2p/terminal/chat/recipients.ts";
import { Remarks } from "../../p2p/terminal/chat/remarks.ts";
import { ScriptedPeer } from "./core/scripted_peer.ts";
import { LegacyServer } from "./core/legacy_parties.ts";
import { TestUser } from "./core/test_user.ts";

const A = "00000000-0000-4000-8000-00000000000a";

function user(name: string) {
  return { name, kind: UserKind.Session, session: A, since: 1 };
}

function server(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
}

pureTest(
  "maxRemoteUsers: further users of other servers are ignored, and all are forgotten",
  () => {
    const directory = new Directory(A, undefined, undefined, { maxRemoteUsers: 10 });
    const users = (n: number, count: number) =>
      Array.from({ length: count }, (_, i) => user(`User ${n} ${i}`));
    const located = () => {
      let count = 0;
      for (const n of [1, 2, 3]) {
        for (const { name } of users(n, 20)) if (directory.located.has(name)) count++;
      }
      return count;
    };
    directory.applySnapshot({
      server: server(1),
      version: 1,
      part: 0,
      parts: 1,
      users: users(1, 6),
    });
    directory.applySnapshot({
      server: server(2),
      version: 1,
      part: 0,
      parts: 2,
      users: users(2, 4),
    });
    // Users of an incomplete snapshot count, too.
    const changes = [user("User 1 10")];
    directory.applyChanges({ server: server(1), version: 2, changes });
    assertEquals([located(), directory.version(server(1))], [6, 2]);
    directory.forget(server(2));
    directory.applyChanges({ server: server(1), version: 3, changes });
    assertEquals(located(), 7);
    directory.applySnapshot({
      server: server(3),
      version: 1,
      part: 0,
      parts: 1,
      users: users(3, 4),
    });
    assertEquals(located(), 10);
    // Its own users are not limited.
    directory.add(user("Own"));
    assert(directory.located.has("Own"));
    directory.forget(server(1));
    directory.applySnapshot({
      server: server(3),
      version: 2,
      part: 0,
      parts: 1,
      users: users(3, 8),
    });
    assertEquals(located(), 8);
  },
);

pureTest("usersOfServer: further users of one server are ignored", () => {
  const directory = new Directory(A, undefined, undefined, { usersOfServer: 3 });
  const names = ["a", "b", "c", "d"];
  directory.applySnapshot({
    server: server(1),
    version: 1,
    part: 0,
    parts: 1,
    users: names.map(user),
  });
  assertEquals(names.map((name) => directory.located.has(name)), [true, true, true, false]);
  directory.applyChanges({ server: server(1), version: 2, changes: [user("e")] });
  assert(!directory.located.has("e"));
  directory.applyChanges({
    server: server(1),
    version: 3,
    changes: [{ ...user("a"), kind: UserKind.Gone }],
  });
  directory.applyChanges({ server: server(1), version: 4, changes: [user("e")] });
  assert(directory.located.has("e"));
});

pureTest("signedListBytes: lists beyond it are ignored, and what is forgotten makes room", () => {
  const network = new VirtualNetwork();
  const keys = new VirtualKeys(network);
  const sign = (n: number, part: number): [PresenceSnapshot, Frame] => {
    const signing = keys.createKey();
    const statements = new Statements({ id: server(n) } as Context, signing, () => "keys");
    const list = { server: server(n), version: 1, part, parts: 2, users: [user("a")] };
    return [list, statements.forAll((out) => writePresenceSnapshot(out, list))];
  };
  const [first, frame] = sign(1, 0);
  const directory = new Directory(A);
  const own = new Statements({ id: A } as Context, keys.createKey(), () => "keys");
  const most = 4 * (frame.end - frame.start + HEADER_BYTES);
  const lists = new SignedLists(A, directory, own, most);
  assertEquals([lists.addPart(first, frame), lists.addPart(...sign(1, 1))], [false, true]);
  assertEquals([lists.addPart(...sign(2, 0)), lists.addPart(...sign(2, 1))], [false, true]);
  assertEquals(lists.framesOf(server(2)).length, 2);
  assert(!lists.hasRoomFor(server(1), 1));
  // Incomplete lists count, too, and one that is too long is not kept.
  assertEquals([lists.addPart(...sign(3, 0)), lists.addPart(...sign(3, 1))], [false, false]);
  assertEquals(lists.framesOf(server(3)), []);
  lists.forget(server(1));
  assertEquals([lists.addPart(...sign(3, 0)), lists.addPart(...sign(3, 1))], [false, true]);
});

pureTest("linksOfServer: the links of a server that has more are ignored", () => {
  const network = new VirtualNetwork();
  const node = new VirtualNode(network, addressOf(0));
  const peer = new ScriptedPeer(network, node);
  const links = Array.from({ length: LIMITS.linksOfServer.default + 1 }, (_, n) => ({
    server: server(n),
    cost: 1,
  }));
  const state = { server: server(5_000), address: "10.1.1.1:1" };
  peer.announce({ ...state, version: 1, links });
  network.run(100);
  assertEquals(node.core.topology.get(state.server), undefined);
  peer.announce({ ...state, version: 2, links: links.slice(1) });
  network.run(100);
  assertEquals(node.core.topology.get(state.server)?.links.length, LIMITS.linksOfServer.default);
  // It was forwarded by a peer, which is not at fault.
  assert(!peer.connection.closed);
});

pureTest("seenNames: the name that was not seen for longest counts as never used", () => {
  const most = LIMITS.seenNames.default;
  const names = new SeenNames(most, false);
  names.add("first");
  for (let n = 0; n < most; n++) names.add(`${n}`);
  assert(!names.has("first") && names.has(`${most - 1}`));
});

pureTest("sharedNames: a new peer is told the newest names", () => {
  const network = new VirtualNetwork();
  const node = new VirtualNode(network, addressOf(0));
  const first = new ScriptedPeer(network, node, "10.0.9.8:5001", [Capability.Names]);
  const most = LIMITS.sharedNames.default;
  for (let n = 0; n <= most; n += 100) {
    const count = Math.min(100, most + 1 - n);
    writePresenceNames(first.out, Array.from({ length: count }, (_, i) => `Name ${n + i}`));
  }
  network.run(1_000);
  const second = new ScriptedPeer(network, node, "10.0.9.9:5001", [Capability.Names]);
  network.run(1_000);
  const told = second.got(FrameType.Presence, PresenceKind.Names)
    .flatMap(({ payload }) => readPresenceNames(payload));
  assertEquals(told.length, most);
  assert(!told.includes("Name 0") && told.includes(`Name ${most}`));
});

pureTest("pendingReceipts: those for the sender who was away for longest are dropped", () => {
  const pending = new PendingReceipts();
  const receipt = { id: A, state: ReceiptState.Delivered, code: 0, reason: "" };
  for (let n = 0; n <= LIMITS.pendingReceipts.default; n++) pending.add(`User ${n}`, [receipt], n);
  assertEquals(pending.size, LIMITS.pendingReceipts.default);
  assert(!pending.has("User 0") && pending.has("User 1"));
});

pureTest("transientBytes: no more is passed on without being stored", () => {
  const usage = new Usage(withDefaults({ maxSenderPercent: 100 }), true);
  const most = LIMITS.transientBytes.default;
  assert(usage.mayPass("Ann", most, undefined));
  assert(!usage.mayPass("Ann", most + 1, undefined));
  usage.addTransient(usage.of("Ann"), most);
  assert(!usage.mayPass("Bob", 1, undefined));
  const shared = new Usage(withDefaults({}), true);
  assert(
    shared.mayPass("Ann", most / 4, undefined) && !shared.mayPass("Ann", most / 4 + 1, undefined),
  );
});

pureTest("maxLegacyBytes: a message beyond it is refused, and its sender is told", () => {
  const network = new VirtualNetwork();
  const most = 10_000;
  const limits = { maxLegacyBytes: most };
  const node = new VirtualNode(network, addressOf(0), { limits });
  const old = new LegacyServer(network, "10.0.5.1:6001");
  old.announceTo(node.address);
  new TestUser(network, "Olga", { legacy: true }).register(old);
  const ann = new TestUser(network, "Ann").at(node);
  network.until(() => node.users().includes("Olga"), 5_000);
  const text = "x".repeat(most - network.uuid().length - "\0Ann\0Olga\0".length);
  const kind = MessageKind.Ephemeral;
  const [fits, exceeds] = [
    ann.send("Olga", text, { kind }),
    ann.send("Olga", `${text}x`, { kind }),
  ];
  network.run(1_000);
  assertEquals(old.messages().map(({ text }) => text.length), [text.length]);
  assertEquals([ann.refusalOf(fits), ann.refusalOf(exceeds)], [undefined, ErrorCode.NoSuchUser]);
});

pureTest("metUsers: the one who was silent for longest is forgotten, as are remarks", () => {
  const recipients = new Recipients(() => Promise.resolve([]));
  const remarks = new Remarks();
  const most = LIMITS.metUsers.default;
  const notice = (n: number) => ({ id: A, recipient: `${n}`, code: 1, message: "why" });
  for (let n = 0; n <= most; n++) {
    recipients.meet(`User ${n}`);
    remarks.line(`${n}`, notice(n), []);
  }
  assert(!recipients.has("User 0") && recipients.has("User 1"));
  assertEquals(remarks.line("1", notice(1), []), undefined);
  assertEquals(remarks.line("0", notice(0), []), "why");
});

/** Limits that the transport enforces, as its own options. Its tests do not know the table. */
const OF_CONNECTIONS = [
  "outgoing",
  "unregisteredReplies",
  "userReplies",
  "unreadSeconds",
  "unregisteredSeconds",
];

Deno.test({
  name: "a test exceeds every limit of the table",
  ignore: (await Deno.permissions.query({ name: "read" })).state !== "granted",
  fn: async () => {
    const texts: string[] = [];
    const read = async (folder: URL) => {
      for await (const { name, isDirectory } of Deno.readDir(folder)) {
        if (isDirectory) await read(new URL(`${name}/`, folder));
        else if (name.endsWith("_test.ts")) {
          texts.push(await Deno.readTextFile(new URL(name, folder)));
        }
      }
    };
    await read(new URL("../", import.meta.url));
    // A test sets a limit by its name, or takes its number from the table.
    const missing = Object.keys(LIMITS as Record<string, Limit>).filter((name) => {
      const key = name === "maxDays" ? "maxAgeMs" : name;
      const used = new RegExp(
        `LIMITS\\.${key}\\b|\\b${key}[:,]|^const \\{[^}]*\\b${key}\\b[^}]*\\}\\s*=\\s*LIMITS`,
        "m",
      );
      return !texts.some((text) => used.test(text));
    });
    assertEquals(missing.filter((name) => !OF_CONNECTIONS.includes(name)), []);
  },
});
