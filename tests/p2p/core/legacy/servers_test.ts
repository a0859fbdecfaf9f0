/**
 * A netlab server finds legacy servers, notices when they end, and finds them again.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { ErrorCode, FrameType, MessageKind, ReceiptState } from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { LegacyServer } from "../legacy_parties.ts";
import { TestUser } from "../test_user.ts";
import { OLD, start } from "./one_legacy_server.ts";

pureTest(
  "a legacy server that announces itself is dialled, and learns of the netlab server",
  () => {
    const { network, nodes, old } = start();
    assert(old.servers.has(nodes[0].address));
    assert(nodes[0].core.servers().includes(OLD));
    assertEquals(nodes[0].events.filter((event) => event === "legacy.found").length, 1);
    // The permanent connection requests the kind of the server, and then its users, in frames of type 0 only.
    const [lasting] = old.visits.filter(({ frames }) => frames.length > 1);
    network.run(10_000);
    assert(lasting!.frames.length > 8);
    assert(lasting!.frames.every(({ type }) => type === FrameType.InformationRequest));
    const types = old.visits.flatMap(({ frames }) => frames.map(({ type }) => type));
    assert(types.every((type) => type <= FrameType.Disconnect), `${types}`);
  },
);

pureTest(
  "users of a legacy server that dies are forgotten, and are known again when it restarts",
  () => {
    const { network, nodes, old, ann } = start();
    old.crash();
    network.run(50);
    assertEquals([nodes[0].users(), nodes[1].users()], Array(2).fill(["Ann", "Bob"]));
    const id = ann.send("Olga", "hello", { kind: MessageKind.Ephemeral });
    const durable = ann.send("Olga", " and durable");
    network.run(50);
    assertEquals(ann.refusalOf(id), ErrorCode.NoSuchUser);
    assertEquals(ann.statesOf(durable), [ReceiptState.Accepted]);
    const again = new LegacyServer(network, OLD);
    const olga = new TestUser(network, "Olga", { legacy: true }).register(again);
    network.until(() => nodes[1].users().includes("Olga"), 3_000);
    network.run(500);
    assertEquals(olga.text, "Ann:  and durable");
    assert(ann.isDelivered(durable));
    ann.send("Olga", "hello", { id });
    network.run(500);
    assertEquals(olga.text, "Ann:  and durableAnn: hello");
  },
);

pureTest("users of a legacy server that stops answering are forgotten within 5 s", () => {
  const { network, nodes, old } = start();
  old.stuck = true;
  network.until(() => !nodes[1].users().includes("Olga"), 5_000);
  assert(!nodes[0].core.servers().includes(OLD));
});

pureTest("a legacy server is not given up because the netlab server was suspended", () => {
  const { network, nodes } = start();
  const [node] = nodes;
  const lost = () => node.events.filter((event) => event === "legacy.lost").length;
  for (let time = 0; time < 3; time++) {
    // One tick sends a request, and the next one is late: the answer could not be read in between.
    node.core.tick(network.now + 1_100);
    node.core.tick(network.now + 5_200);
    assertEquals(lost(), 0);
    network.run(6_000);
    assertEquals(lost(), 0);
  }
});

pureTest(
  "a legacy server that restarts is dialled when it announces itself, not after the back-off",
  () => {
    const { network, nodes, old } = start();
    old.crash();
    // Until the back-off is long.
    network.run(120_000);
    const again = new LegacyServer(network, OLD);
    new TestUser(network, "Otto", { legacy: true }).register(again);
    again.announceTo(nodes[0].address);
    assertLessOrEqual(network.until(() => nodes[1].users().includes("Otto"), 1_000), 1_000);
  },
);

pureTest("an announcement that arrives while the address is being dialled counts", () => {
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
  new TestUser(network, "Otto", { legacy: true }).register(third);
  assertLessOrEqual(network.until(() => nodes[1].users().includes("Otto"), 1_500), 1_500);
});
