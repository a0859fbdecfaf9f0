/**
 * Legacy servers beside netlab's, and their users and ours writing to each other.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import {
  DisconnectKind,
  ErrorCode,
  FrameType,
  MessageKind,
  NIL_UUID,
  ReceiptState,
  UserKind,
  writeDisconnect,
  writeMessage,
  writeReceiptQuery,
} from "@netlab/protocol";
import { pureTest } from "../../kinds.ts";
import { LegacyServer } from "./legacy_parties.ts";
import {
  addressOf,
  chain,
  servers,
  settle,
  VirtualNetwork,
  type VirtualNode,
} from "@netlab/lab/simulator";
import { TestUser } from "./test_user.ts";

const OLD = "10.0.5.1:6001";

/** Two netlab servers, and a legacy server that the first one finds. */
function start() {
  const network = new VirtualNetwork();
  const nodes = servers(network, 2) as [VirtualNode, VirtualNode];
  for (const node of nodes) if (node !== nodes[0]) network.separate(node.address, OLD);
  const old = new LegacyServer(network, OLD);
  settle(network, nodes);
  old.announceTo(nodes[0].address);
  const olga = new TestUser(network, "Olga", { bare: true }).register(old);
  const ann = new TestUser(network, "Ann").at(nodes[0]);
  const bob = new TestUser(network, "Bob").at(nodes[1]);
  network.until(() => nodes[1].users().includes("Olga"), 3_000);
  return { network, nodes, old, olga, ann, bob };
}

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

pureTest(
  "users of a legacy server are published as behind within 1.5 s, until they sign off",
  () => {
    const { network, nodes, old, olga } = start();
    const { server, user } = nodes[1].core.locations.locate("Olga")!;
    assertEquals([server, user.kind], [nodes[0].core.id, UserKind.OnLegacyServer]);
    new TestUser(network, "Otto", { bare: true }).register(old);
    assertLessOrEqual(network.until(() => nodes[1].users().includes("Otto"), 1_500), 1_500);
    // The end of her connection changes nothing, as with the originals.
    olga.connection!.end();
    network.run(3_000);
    assert(nodes[1].users().includes("Olga"));
    old.say(OLD, (out) => writeDisconnect(out, "Olga", DisconnectKind.Leave));
    network.until(() => !nodes[1].users().includes("Olga"), 1_500);
    assertEquals(nodes[0].users(), ["Ann", "Bob", "Otto"]);
  },
);

pureTest(
  "messages to a user of a legacy server go one by one, each by a connection of its own",
  () => {
    const { network, old, olga, ann, bob } = start();
    network.latency = () => 1 + 20 * network.random();
    const texts = Array.from({ length: 20 }, (_, index) => `${index}`);
    const ids = texts.map((text, index) => [ann, bob][index % 2]!.send("Olga", text));
    network.run(10_000);
    const arrived = old.messages();
    assertEquals(arrived.length, texts.length);
    for (const { frames, subtype } of arrived) {
      assertEquals([frames, subtype], [1, MessageKind.Ephemeral]);
    }
    for (const first of [0, 1]) {
      const from = texts.filter((_, index) => index % 2 === first);
      assertEquals(arrived.map(({ text }) => text).filter((text) => from.includes(text)), from);
    }
    for (const [index, id] of ids.entries()) assert([ann, bob][index % 2]!.isDelivered(id));
    assert(/^(Ann: 0|Bob: 1)/.test(olga.text), olga.text);
  },
);

pureTest("messages of a legacy server's users reach users here and further away, once", () => {
  const { network, olga, ann, bob } = start();
  for (const to of ["Ann", "Bob"]) olga.send(to, `to ${to}`, { kind: MessageKind.Ephemeral });
  network.run(500);
  assertEquals(ann.textsFrom("Olga"), ["to Ann"]);
  assertEquals(bob.textsFrom("Olga"), ["to Bob"]);
});

pureTest("messages of two legacy servers' users reach each other, and end", () => {
  const { network, nodes, old, olga } = start();
  const other = new LegacyServer(network, "10.0.6.1:6001");
  other.announceTo(nodes[0].address);
  const otto = new TestUser(network, "Otto", { bare: true }).register(other);
  network.until(() => nodes[1].users().includes("Otto"), 3_000);
  // They have heard of each other, or know this server alone.
  for (const acquainted of [false, true]) {
    if (acquainted) {
      old.announceTo(other.address);
      network.run(500);
    }
    otto.text = "";
    olga.send("Otto", "hello", { kind: MessageKind.Ephemeral });
    network.run(2_000);
    assertEquals(otto.text, "Olga: hello");
  }
  const visits = old.visits.length + other.visits.length;
  network.run(5_000);
  assertEquals(old.visits.length + other.visits.length, visits, "nothing goes round and round");
});

pureTest("a message that a legacy server passes on for nobody ends here", () => {
  const { network, nodes, old, olga } = start();
  const relayed = network.watch(({ from, frame }) =>
    frame.type === FrameType.Message && nodes.some(({ address }) => address === from)
  );
  olga.send("Nobody", "hello", { kind: MessageKind.Ephemeral });
  network.run(2_000);
  assertEquals(relayed, []);
  assertEquals(old.messages().length, 2, "from Olga, and from itself");
});

pureTest("a legacy server cannot send in the name of a netlab user", () => {
  const { network, nodes, old, ann, bob } = start();
  for (const sender of ["Ann", "Bob"]) {
    for (const recipient of ["Ann", "Bob", "Olga"]) {
      const message = { id: network.uuid(), sender, recipient, text: "forged" };
      old.say(nodes[0].address, (out) => writeMessage(out, message, MessageKind.Ephemeral));
    }
  }
  network.run(2_000);
  assertEquals([ann.messages, bob.messages, old.messages()], [[], [], []]);
});

pureTest("a message without registration is taken only from where a legacy server is", () => {
  const { network, nodes, ann } = start();
  const stranger = new LegacyServer(network, "10.0.7.1:6001");
  const send = (from: LegacyServer, to: VirtualNode) => {
    const message = { id: network.uuid(), sender: "Olga", recipient: "Ann", text: from.address };
    from.say(to.address, (out) => writeMessage(out, message, MessageKind.Ephemeral));
    network.run(500);
  };
  send(stranger, nodes[0]);
  assertEquals(ann.messages, []);
  stranger.announceTo(nodes[0].address);
  network.run(1_000);
  send(stranger, nodes[0]);
  assertEquals(ann.textsFrom("Olga"), [stranger.address]);
  send(stranger, nodes[1]);
  assertEquals(ann.messages.length, 1, "the other server has not heard of it");
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
  "a message that a legacy server could not be given is refused, and may be tried again",
  () => {
    const { network, nodes, old, olga, ann } = start();
    // Not listening for a moment: the lasting connection stays.
    network.unlisten(OLD);
    const id = ann.send("Olga", "hello", { kind: MessageKind.Ephemeral });
    network.run(100);
    assertEquals(ann.refusalOf(id), ErrorCode.NoSuchUser);
    assert(ann.receiptsFor(id)[0]!.reason.includes("Olga"));
    old.crash();
    const again = new LegacyServer(network, OLD);
    olga.register(again);
    network.until(() => nodes[0].core.servers().includes(OLD) && nodes[0].users().includes("Olga"));
    ann.send("Olga", "hello", { id });
    network.run(500);
    assertEquals(olga.text, "Ann: hello");
    assert(ann.isDelivered(id));
  },
);

pureTest(
  "a name that a legacy server lists is free, and whoever registers gets the messages",
  () => {
    const { network, nodes, old, olga: before, ann } = start();
    for (const node of nodes) {
      for (const bare of [false, true]) {
        const olga = new TestUser(network, "Olga", { bare }).at(node);
        network.run(50);
        assertEquals(olga.errors, []);
        assertEquals(
          [...nodes[0].core.locations.names()].filter((name) => name === "Olga").length,
          1,
        );
        assertEquals(nodes[1].core.locations.locate("Olga")?.server, node.core.id);
        const texts = ["kept", "plain"].map((kind) => `${kind} for ${node.address}, ${bare}.`);
        ann.send("Olga", texts[0]!);
        ann.send("Olga", texts[1]!, { kind: MessageKind.Ephemeral });
        network.run(500);
        if (bare) { for (const text of texts) assertStringIncludes(olga.text, `Ann: ${text}`); }
        else assertEquals(olga.textsFrom("Ann").sort(), texts);
        olga.connection!.end();
        network.run(50);
      }
    }
    // Nobody holds the name: the legacy server gets what is for her again.
    network.run(1_500);
    ann.send("Olga", "at last");
    network.run(500);
    assertEquals(old.messages().map(({ text }) => text), ["at last"]);
    assertEquals(before.text, "Ann: at last");
  },
);

pureTest("a name that two netlab servers hold is told apart, whatever legacy servers list", () => {
  const { network, nodes, old } = start();
  new TestUser(network, "Bob", { bare: true }).register(old);
  network.run(3_000);
  assertEquals(nodes[0].core.locations.locate("Bob")?.server, nodes[1].core.id);
  const second = new TestUser(network, "Bob").register(nodes[0]);
  network.run(3_000);
  assertEquals(second.errorNames(), ["NameTaken"]);
  assert(second.errors[0]!.message.includes(nodes[1].address), second.errors[0]!.message);
});

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
      // She moves without a word, and is listed by both.
      olga.connection!.end();
      const there = new TestUser(network, "Olga", { bare: true }).register(other);
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

pureTest("copies for a legacy user whom four servers speak for do not multiply", () => {
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
    new TestUser(network, "Olga", { bare: true }).register(server)
  );
  const ann = new TestUser(network, "Ann").at(nodes[0]!);
  network.run(3_000);
  const relayed = network.watch(({ frame }) => frame.type === FrameType.Message);
  ann.send("Olga", "hello", { kind: MessageKind.Ephemeral });
  network.run(2_000);
  assertEquals(olgas.map(({ text }) => text), Array(4).fill("Ann: hello"));
  // From Ann, between each two servers both ways at most, and to the four legacy servers.
  assertLessOrEqual(relayed.length, 1 + 12 + 4);
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

pureTest(
  "users of a netlab server that dies are reached at once at the legacy server that has them now",
  () => {
    const { network, nodes, old, ann } = start();
    const bob = () => nodes[0].core.locations.locate("Bob");
    assertEquals(bob()?.server, nodes[1].core.id);
    nodes[1].crash();
    const moved = new TestUser(network, "Bob", { bare: true }).register(old);
    assertLessOrEqual(
      network.until(() => bob()?.user.kind === UserKind.OnLegacyServer, 1_500),
      1_500,
    );
    const kept = ann.send("Bob", "kept.");
    network.run(200);
    ann.send("Bob", "plain.", { kind: MessageKind.Ephemeral });
    network.run(200);
    assertEquals(moved.text, "Ann: kept.Ann: plain.");
    assert(ann.isDelivered(kept));
  },
);

pureTest(
  "users whom a legacy server listed all along are reached there as soon as their server dies",
  () => {
    const { network, nodes, old, ann } = start();
    const moved = new TestUser(network, "Bob", { bare: true }).register(old);
    network.run(3_000);
    nodes[1].crash();
    assertLessOrEqual(network.until(() => nodes[0].users().includes("Bob"), 300), 300);
    ann.send("Bob", "hello", { kind: MessageKind.Ephemeral });
    network.run(100);
    assertEquals(moved.text, "Ann: hello");
  },
);

pureTest(
  "a message that a legacy program was handed is sent, not delivered, for whoever asks later too",
  () => {
    const { network, nodes, old, ann, bob } = start();
    const otto = new TestUser(network, "Otto", { bare: true }).at(nodes[1]);
    for (const user of [ann, bob]) {
      for (const recipient of ["Olga", "Otto"]) {
        const id = user.send(recipient, "hello");
        network.run(500);
        const [end] = user.receipts.filter((receipt) =>
          receipt.id === id && receipt.state === ReceiptState.Delivered
        );
        assertEquals(end?.code, ErrorCode.Unconfirmed);
        user.receipts.length = 0;
        writeReceiptQuery(user.connection!.out, { to: NIL_UUID, user: user.name, ids: [id] }, 0);
        network.run(500);
        assertEquals(user.receipts.map(({ code }) => code), [ErrorCode.Unconfirmed]);
        user.receipts.length = 0;
      }
    }
    assertEquals(old.messages().length, 2);
    assertEquals(otto.text, "Ann: helloBob: hello");
    const id = ann.send("Bob", "to a session");
    network.run(500);
    assertEquals(ann.receipts.map(({ code }) => code), [0, 0]);
    assert(ann.isDelivered(id));
  },
);

pureTest("a legacy server beside a chain is reached over it, both ways", () => {
  const network = new VirtualNetwork();
  const nodes = servers(network, 3, chain(3));
  for (const index of [1, 2]) network.separate(addressOf(index), OLD);
  const old = new LegacyServer(network, OLD);
  settle(network, nodes);
  old.announceTo(nodes[0]!.address);
  const olga = new TestUser(network, "Olga", { bare: true }).register(old);
  const cid = new TestUser(network, "Cid", { bare: true }).at(nodes[2]!);
  network.until(() => nodes[2]!.users().includes("Olga"), 3_000);
  cid.send("Olga", "hello", { kind: MessageKind.Ephemeral });
  olga.send("Cid", "hello yourself", { kind: MessageKind.Ephemeral });
  network.run(1_000);
  assertEquals([olga.text, cid.text], ["Cid: hello", "Olga: hello yourself"]);
});
