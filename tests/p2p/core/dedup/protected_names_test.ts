/**
 * Which records of a protected name count, and what a lying peer cannot do with them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Capability, type ProtectedName, sessionIdOf, writeProtectedNames } from "@netlab/protocol";
import { verifySignature } from "@netlab/p2p/server";
import { chain, servers, settle, VirtualNetwork } from "@netlab/lab/simulator";
import { PROTECTED_MS, ProtectedNames } from "../../../../p2p/core/dedup/protected_names.ts";
import { NameSecret } from "../../../../p2p/client/name_secret.ts";
import { pureTest as test } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";

const NOW = 1_800_000_000_000;
const SERVER = "a0000000-0000-4000-8000-000000000001";
const DAY = 86_400_000;
const bob = await NameSecret.of("Bob", "one");
const other = await NameSecret.of("Bob", "two");

function names(
  { protectedNames } = { protectedNames: 10 },
): { names: ProtectedNames; saved: ProtectedName[] } {
  const saved: ProtectedName[] = [];
  return {
    names: new ProtectedNames(verifySignature, protectedNames, (record) => saved.push(record)),
    saved,
  };
}

test("a session with the signature for this server and this session is admitted, no other", () => {
  const { names: all } = names();
  const session = sessionIdOf(crypto.randomUUID());
  const admits = (name: string, signature?: Uint8Array, now = NOW) =>
    all.admits(name, SERVER, session, signature, now);
  assert(admits("Bob"));
  assertEquals(all.take(bob.protect(NOW), true, NOW), "added");
  assertEquals([admits("Bob"), admits("Bobby")], [false, true]);
  assert(admits("Bob", bob.registration(SERVER, session)));
  assert(!admits("Bob", other.registration(SERVER, session)));
  assert(!admits("Bob", bob.registration(SERVER.replace("a", "b"), session)));
  assert(!admits("Bob", bob.registration(SERVER, sessionIdOf(crypto.randomUUID()))));
  assert(!admits("Bob", new Uint8Array(64)));
  assert(admits("Bob", undefined, NOW + PROTECTED_MS), "it has expired");
});

test("only the key of a name replaces it, and older records never come back", () => {
  const { names: all, saved } = names();
  const [first, change, drop] = [
    bob.protect(NOW),
    bob.replace(NOW + 1, other),
    other.replace(NOW + 2, undefined),
  ];
  const take = (record: ProtectedName) => all.take(record, false, NOW + 10);
  assertEquals(take(first), "added");
  assertEquals(
    take({ ...other.protect(NOW + 1) }),
    "refused",
    "another key, not signed with the first",
  );
  assertEquals(take({ ...change, version: NOW + 9 }), "refused", "another version");
  assertEquals(take({ ...change, name: "Bo" }), "refused", "another name");
  assertEquals(take(bob.replace(NOW + 11 * DAY, other)), "refused", "in the future");
  assertEquals(take(change), "added");
  assertEquals(take(first), "refused");
  assertEquals(take(bob.replace(NOW + 3, bob)), "refused");
  assertEquals(take(drop), "added");
  assertEquals([take(first), take(change)], ["refused", "refused"]);
  assertEquals(saved, [first, change, drop]);
  const again = names().names;
  for (const record of saved) again.load(record);
  assertEquals(again.take(change, false, NOW + 10), "refused");
});

test("a record is renewed once a day, and the same one costs nothing", () => {
  const { names: all, saved } = names();
  all.take(bob.protect(NOW), true, NOW);
  assertEquals(all.take(bob.protect(NOW + 1), true, NOW + 1), "known");
  assertEquals(all.take(bob.protect(NOW + DAY), true, NOW + DAY), "added");
  assertEquals(saved.length, 2);
});

test("more names than the limit are not protected, and other servers fill half of it", async () => {
  const { names: all } = names({ protectedNames: 4 });
  const records = [];
  for (const name of ["A", "B", "C", "D", "E"]) {
    records.push((await NameSecret.of(name, "x")).protect(NOW));
  }
  const results = records.map((record) => all.take(record, false, NOW));
  assertEquals(results, ["added", "added", "full", "full", "full"]);
  assertEquals(records.map((record) => all.take(record, true, NOW)), [
    "known",
    "known",
    "added",
    "added",
    "full",
  ]);
});

test("a peer cannot lock out a user who is connected elsewhere, nor change what is protected", () => {
  const network = new VirtualNetwork();
  const nodes = servers(network, 3, chain(3));
  settle(network, nodes);
  const user = new TestUser(network, "Bob").at(nodes[0]!);
  network.run(1_000);
  for (const node of nodes) {
    const liar = new ScriptedPeer(network, node, `10.0.7.${nodes.indexOf(node)}:1`, [
      Capability.Secret,
    ]);
    writeProtectedNames(liar.out, [other.protect(network.now)]);
  }
  network.run(2_000);
  for (const node of nodes) {
    user.at(node);
    assertEquals(user.errors.filter(({ code }) => code === 37), []);
    network.run(3_000);
  }
});
