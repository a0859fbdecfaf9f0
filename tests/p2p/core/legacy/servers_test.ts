/**
 * Servers find legacy servers, notice when those end, and find them again.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { ErrorCode, FrameType, MessageKind, ReceiptState } from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { LegacyServer } from "../legacy_parties.ts";
import { TestUser } from "../test_user.ts";
import { OLD, start } from "./one_legacy_server.ts";

pureTest("a legacy server that announces itself is dialled and told of this one", () => {
  const { network, nodes, old } = start();
  assert(old.servers.has(nodes[0].address));
  assert(nodes[0].core.servers().includes(OLD));
  assertEquals(nodes[0].events.filter((event) => event === "legacy.found").length, 1);
  // The one lasting connection asks what it is, and then for its users, in frames of type 0 alone.
  const [lasting] = old.visits.filter(({ frames }) => frames.length > 1);
  network.run(10_000);
  assert(lasting!.frames.length > 8);
  assert(lasting!.frames.every(({ type }) => type === FrameType.InformationRequest));
  const types = old.visits.flatMap(({ frames }) => frames.map(({ type }) => type));
  assert(types.every((type) => type <= FrameType.Disconnect), `${types}`);
});

pureTest("users of a legacy server that dies are forgotten, and it is found again", () => {
  const { network, nodes, old, ann } = start();
  old.crash();
  network.run(50);
  assertEquals([nodes[0].users(), nodes[1].users()], Array(2).fill(["Ann", "Bob"]));
  const id = ann.send("Olga", "hello", { kind: MessageKind.Ephemeral });
  const kept = ann.send("Olga", " and kept");
  network.run(50);
  assertEquals(ann.refusalOf(id), ErrorCode.NoSuchUser);
  assertEquals(ann.statesOf(kept), [ReceiptState.Accepted]);
  const again = new LegacyServer(network, OLD);
  const olga = new TestUser(network, "Olga", { bare: true }).register(again);
  network.until(() => nodes[1].users().includes("Olga"), 3_000);
  network.run(500);
  assertEquals(olga.text, "Ann:  and kept");
  assert(ann.isDelivered(kept));
  ann.send("Olga", "hello", { id });
  network.run(500);
  assertEquals(olga.text, "Ann:  and keptAnn: hello");
});

pureTest("users of a legacy server that answers no more are forgotten within 5 s", () => {
  const { network, nodes, old } = start();
  old.stuck = true;
  network.until(() => !nodes[1].users().includes("Olga"), 5_000);
  assert(!nodes[0].core.servers().includes(OLD));
});

pureTest("a legacy server is not given up because this server did nothing for a while", () => {
  const { network, nodes } = start();
  const [node] = nodes;
  const lost = () => node.events.filter((event) => event === "legacy.lost").length;
  for (let time = 0; time < 3; time++) {
    // One tick asks, and the next one is late: the answer could not be read in between.
    node.core.tick(network.now + 1_100);
    node.core.tick(network.now + 5_200);
    assertEquals(lost(), 0);
    network.run(6_000);
    assertEquals(lost(), 0);
  }
});

pureTest(
  "a legacy server that starts again is dialled when it announces itself, not after the back-off",
  () => {
    const { network, nodes, old } = start();
    old.crash();
    // Long enough for the waits between two tries to have become long.
    network.run(120_000);
    const again = new LegacyServer(network, OLD);
    new TestUser(network, "Otto", { bare: true }).register(again);
    again.announceTo(nodes[0].address);
    assertLessOrEqual(network.until(() => nodes[1].users().includes("Otto"), 1_000), 1_000);
  },
);

pureTest("an announcement that comes while the address is dialled counts", () => {
  const { network, nodes, old } = start();
  old.crash();
  network.run(120_000);
  const again = new LegacyServer(network, OLD);
  // It announces itself before it listens.
  network.unlisten(OLD);
  again.announceTo(nodes[0].address);
  again.announceTo(nodes[0].address);
  network.run(20);
  const third = new LegacyServer(network, OLD);
  new TestUser(network, "Otto", { bare: true }).register(third);
  assertLessOrEqual(network.until(() => nodes[1].users().includes("Otto"), 1_500), 1_500);
});
