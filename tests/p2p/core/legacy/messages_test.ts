/**
 * Messages between users of legacy servers and users of netlab servers.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  MessageKind,
  NIL_UUID,
  ReceiptState,
  writeMessage,
  writeReceiptQuery,
} from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { LegacyServer } from "../legacy_parties.ts";
import {
  addressOf,
  chain,
  servers,
  settle,
  VirtualNetwork,
  type VirtualNode,
} from "@netlab/lab/simulator";
import { TestUser } from "../test_user.ts";
import { OLD, start } from "./one_legacy_server.ts";

pureTest(
  "messages to a user of a legacy server are sent one by one, each on its own connection",
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

pureTest("messages of a legacy server's users reach users of all servers, once", () => {
  const { network, olga, ann, bob } = start();
  for (const to of ["Ann", "Bob"]) olga.send(to, `to ${to}`, { kind: MessageKind.Ephemeral });
  network.run(500);
  assertEquals(ann.textsFrom("Olga"), ["to Ann"]);
  assertEquals(bob.textsFrom("Olga"), ["to Bob"]);
});

pureTest("messages of two legacy servers' users reach each other, and do not circulate", () => {
  const { network, nodes, old, olga } = start();
  const other = new LegacyServer(network, "10.0.6.1:6001");
  other.announceTo(nodes[0].address);
  const otto = new TestUser(network, "Otto", { legacy: true }).register(other);
  network.until(() => nodes[1].users().includes("Otto"), 3_000);
  // The two servers know each other, or only this server.
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

pureTest("a message that a legacy server forwards for an unknown user is dropped", () => {
  const { network, nodes, old, olga } = start();
  const forwarded = network.watch(({ from, frame }) =>
    frame.type === FrameType.Message && nodes.some(({ address }) => address === from)
  );
  olga.send("Nobody", "hello", { kind: MessageKind.Ephemeral });
  network.run(2_000);
  assertEquals(forwarded, []);
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

pureTest("a message without registration is accepted only from the host of a legacy server", () => {
  const { network, nodes, ann } = start();
  const unknown = new LegacyServer(network, "10.0.7.1:6001");
  const send = (from: LegacyServer, to: VirtualNode) => {
    const message = { id: network.uuid(), sender: "Olga", recipient: "Ann", text: from.address };
    from.say(to.address, (out) => writeMessage(out, message, MessageKind.Ephemeral));
    network.run(500);
  };
  send(unknown, nodes[0]);
  assertEquals(ann.messages, []);
  unknown.announceTo(nodes[0].address);
  network.run(1_000);
  send(unknown, nodes[0]);
  assertEquals(ann.textsFrom("Olga"), [unknown.address]);
  send(unknown, nodes[1]);
  assertEquals(ann.messages.length, 1, "the other server has not heard of it");
});

pureTest(
  "a message that cannot be written to a legacy server is refused, and can be sent again",
  () => {
    const { network, nodes, old, olga, ann } = start();
    // It does not listen for a moment: the permanent connection stays.
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
  "a message that was given to a legacy program is reported as sent, not delivered, and later queries say so too",
  () => {
    const { network, nodes, old, ann, bob } = start();
    const otto = new TestUser(network, "Otto", { legacy: true }).at(nodes[1]);
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

pureTest(
  "a legacy server beside a chain of netlab servers is reached through it, in both directions",
  () => {
    const network = new VirtualNetwork();
    const nodes = servers(network, 3, chain(3));
    for (const index of [1, 2]) network.separate(addressOf(index), OLD);
    const old = new LegacyServer(network, OLD);
    settle(network, nodes);
    old.announceTo(nodes[0]!.address);
    const olga = new TestUser(network, "Olga", { legacy: true }).register(old);
    const cid = new TestUser(network, "Cid", { legacy: true }).at(nodes[2]!);
    network.until(() => nodes[2]!.users().includes("Olga"), 3_000);
    cid.send("Olga", "hello", { kind: MessageKind.Ephemeral });
    olga.send("Cid", "hello yourself", { kind: MessageKind.Ephemeral });
    network.run(1_000);
    assertEquals([olga.text, cid.text], ["Cid: hello", "Olga: hello yourself"]);
  },
);

pureTest(
  "more messages than may wait for a slow legacy server are sent later, and the core goes on",
  () => {
    const { network, nodes, old, olga, ann } = start();
    const oscar = new TestUser(network, "Oscar", { legacy: true }).register(old);
    network.until(() => nodes[0].users().includes("Oscar"), 3_000);
    network.latency = () => 100;
    for (let i = 0; i < 700; i++) {
      ann.send("Olga", `to Olga ${i};`);
      ann.send("Oscar", `to Oscar ${i};`);
    }
    network.run(1_000);
    network.latency = () => 1;
    const all = () => olga.text.includes("to Olga 699;") && oscar.text.includes("to Oscar 699;");
    network.until(all, 300_000);
    assertEquals(olga.text.split("to Olga 7;").length, 2, "each message once");
    assertEquals(ann.receipts.filter(({ state }) => state === ReceiptState.Refused), []);
  },
);
