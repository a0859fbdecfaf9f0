/**
 * Names that legacy servers list, and the server that has the user.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import {
  DisconnectKind,
  FrameType,
  MessageKind,
  UserKind,
  writeDisconnect,
  writeMessage,
} from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { LegacyServer } from "../legacy_parties.ts";
import { servers, settle, VirtualNetwork } from "@netlab/lab/simulator";
import { TestUser } from "../test_user.ts";
import { OLD, start } from "./one_legacy_server.ts";

pureTest(
  "users of a legacy server are announced to other servers within 1.5 s, until they sign off",
  () => {
    const { network, nodes, old, olga } = start();
    const { server, user } = nodes[1].core.locations.locate("Olga")!;
    assertEquals([server, user.kind], [nodes[0].core.id, UserKind.OnLegacyServer]);
    new TestUser(network, "Otto", { legacy: true }).register(old);
    assertLessOrEqual(network.until(() => nodes[1].users().includes("Otto"), 1_500), 1_500);
    // The end of her connection changes nothing, as on original servers.
    olga.connection!.end();
    network.run(3_000);
    assert(nodes[1].users().includes("Olga"));
    old.say(OLD, (out) => writeDisconnect(out, "Olga", DisconnectKind.Leave));
    network.until(() => !nodes[1].users().includes("Olga"), 1_500);
    assertEquals(nodes[0].users(), ["Ann", "Bob", "Otto"]);
  },
);

pureTest(
  "a name that a legacy server lists is free, and the user who registers it gets the messages",
  () => {
    const { network, nodes, old, olga: before, ann } = start();
    for (const node of nodes) {
      for (const legacy of [false, true]) {
        const olga = new TestUser(network, "Olga", { legacy }).at(node);
        network.run(50);
        assertEquals(olga.errors, []);
        assertEquals(
          [...nodes[0].core.locations.names()].filter((name) => name === "Olga").length,
          1,
        );
        assertEquals(nodes[1].core.locations.locate("Olga")?.server, node.core.id);
        const texts = ["durable", "ephemeral"].map((kind) =>
          `${kind} for ${node.address}, ${legacy}.`
        );
        ann.send("Olga", texts[0]!);
        ann.send("Olga", texts[1]!, { kind: MessageKind.Ephemeral });
        network.run(500);
        if (legacy) { for (const text of texts) assertStringIncludes(olga.text, `Ann: ${text}`); }
        else assertEquals(olga.textsFrom("Ann").sort(), texts);
        olga.connection!.end();
        network.run(50);
      }
    }
    // The name is free again: messages go to the legacy server.
    network.run(1_500);
    ann.send("Olga", "at last");
    network.run(500);
    assertEquals(old.messages().map(({ text }) => text), ["at last"]);
    assertEquals(before.text, "Ann: at last");
  },
);

pureTest(
  "a name that is registered on a netlab server is refused on another, whatever legacy servers list",
  () => {
    const { network, nodes, old } = start();
    new TestUser(network, "Bob", { legacy: true }).register(old);
    network.run(3_000);
    assertEquals(nodes[0].core.locations.locate("Bob")?.server, nodes[1].core.id);
    const second = new TestUser(network, "Bob").register(nodes[0]);
    network.run(3_000);
    assertEquals(second.errorNames(), ["NameTaken"]);
    assert(second.errors[0]!.message.includes(nodes[1].address), second.errors[0]!.message);
  },
);

for (const apart of [false, true]) {
  const where = apart ? "behind different servers" : "beside one server";
  pureTest(
    `a user whom two legacy servers ${where} list is reached at the one with the user`,
    () => {
      const { network, nodes, old, olga, ann, bob } = start();
      const other = new LegacyServer(network, "10.0.6.1:6001");
      if (apart) network.separate(nodes[0].address, other.address);
      other.announceTo(nodes[apart ? 1 : 0].address);
      network.run(3_000);
      // She moves without signing off, and both servers list her.
      olga.connection!.end();
      const there = new TestUser(network, "Olga", { legacy: true }).register(other);
      network.run(2_000);
      assertEquals([old.users, other.users], [["Olga"], ["Olga"]]);
      const kinds = [MessageKind.Ephemeral, MessageKind.Durable];
      const senders = [ann, bob].flatMap((user) => kinds.map((kind) => ({ user, kind })));
      const ids = senders.map(({ user, kind }, index) => {
        const id = user.send("Olga", `<${index}>`, { kind });
        network.run(200);
        return { user, kind, id };
      });
      network.run(2_000);
      assertEquals(there.text, "Ann: <0>Ann: <1>Bob: <2>Bob: <3>");
      for (const { user, kind, id } of ids) {
        assertEquals(user.refusalOf(id), undefined);
        if (kind === MessageKind.Durable) assert(user.isDelivered(id));
      }
      const visits = old.visits.length + other.visits.length;
      network.run(500);
      assertEquals(old.visits.length + other.visits.length, visits, "nothing goes round and round");
    },
  );
}

pureTest("copies for a legacy user behind four servers do not multiply", () => {
  const network = new VirtualNetwork();
  const nodes = servers(network, 4);
  settle(network, nodes);
  const legacy = nodes.map((node, index) => {
    const server = new LegacyServer(network, `10.0.${20 + index}.1:6001`);
    for (const other of nodes) {
      if (other !== node) network.separate(other.address, server.address);
    }
    server.announceTo(node.address);
    return server;
  });
  const olgas = legacy.map((server) =>
    new TestUser(network, "Olga", { legacy: true }).register(server)
  );
  const ann = new TestUser(network, "Ann").at(nodes[0]!);
  network.run(3_000);
  const forwarded = network.watch(({ frame }) => frame.type === FrameType.Message);
  ann.send("Olga", "hello", { kind: MessageKind.Ephemeral });
  network.run(2_000);
  assertEquals(olgas.map(({ text }) => text), Array(4).fill("Ann: hello"));
  // From Ann, between each two servers in both directions at most, and to the four legacy servers.
  assertLessOrEqual(forwarded.length, 1 + 12 + 4);
});

pureTest(
  "a user of a netlab server that died is reached as soon as a legacy server lists the name",
  () => {
    const { network, nodes, old, ann } = start();
    const bob = () => nodes[0].core.locations.locate("Bob");
    assertEquals(bob()?.server, nodes[1].core.id);
    nodes[1].crash();
    const moved = new TestUser(network, "Bob", { legacy: true }).register(old);
    assertLessOrEqual(
      network.until(() => bob()?.user.kind === UserKind.OnLegacyServer, 1_500),
      1_500,
    );
    const durable = ann.send("Bob", "durable.");
    network.run(200);
    ann.send("Bob", "ephemeral.", { kind: MessageKind.Ephemeral });
    network.run(200);
    assertEquals(moved.text, "Ann: durable.Ann: ephemeral.");
    assert(ann.isDelivered(durable));
  },
);

pureTest(
  "a user whom a legacy server listed all along is reached there as soon as the netlab server dies",
  () => {
    const { network, nodes, old, ann } = start();
    const moved = new TestUser(network, "Bob", { legacy: true }).register(old);
    network.run(3_000);
    nodes[1].crash();
    assertLessOrEqual(network.until(() => nodes[0].users().includes("Bob"), 300), 300);
    ann.send("Bob", "hello", { kind: MessageKind.Ephemeral });
    network.run(100);
    assertEquals(moved.text, "Ann: hello");
  },
);

pureTest(
  "deceptive names on a legacy server are ignored, reported once, and hide no other user",
  () => {
    const { network, nodes, old, bob } = start();
    for (const name of ["Bоb", "An\u200bn", "Bob: hello", "Zoe\u0308"]) {
      new TestUser(network, name, { legacy: true }).register(old);
    }
    network.run(5_000);
    for (const node of nodes) assertEquals(node.users(), ["Ann", "Bob", "Olga"]);
    assertEquals(nodes[0].events.filter((event) => event === "user.ignored").length, 4);

    // They cannot write to netlab's users either.
    for (const sender of ["Bоb", "Olga"]) {
      network.dial(OLD, nodes[0].address, {
        connected({ out }) {
          writeMessage(out, { id: network.uuid(), sender, recipient: "Bob", text: sender }, 0);
        },
        failed: () => {},
      });
      network.run(100);
    }
    assertEquals(bob.messages.map(({ text }) => text), ["Olga"]);
  },
);
