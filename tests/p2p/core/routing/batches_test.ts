/**
 * Batches between users who read batches and users who do not: each user gets each message once, in
 * the form that it reads, and the sender learns of each message that is refused.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode, FrameType, MessageKind, readMessage, UserKind } from "@netlab/protocol";
import { chain, servers, settle, VirtualNetwork } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { LegacyServer } from "../legacy_parties.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { idsFrom, sequenceId, TestUser, type TestUserOptions } from "../test_user.ts";

const { Ephemeral, Batch } = MessageKind;

function start(count: number) {
  const network = new VirtualNetwork();
  const nodes = servers(network, count, chain(count));
  settle(network, nodes);
  const user = (name: string, index: number, options: TestUserOptions = { batches: true }) => {
    const user = new TestUser(network, name, options).at(nodes[index]!);
    network.run(50);
    return user;
  };
  return { network, nodes, user };
}

const kindsOf = ({ deliveries }: TestUser) => deliveries.map(({ subtype }) => subtype);

pureTest(
  "a batch arrives whole at users that read batches, and as single messages at all others",
  () => {
    const { network, nodes, user } = start(3);
    const ann = user("Ann", 0);
    const texts = ["one", "", "drei 🦊"];
    const links = network.watch(({ to, frame }) =>
      frame.type === FrameType.Message && nodes.some(({ address }) => address === to)
    );
    for (const at of [0, 1, 2]) {
      const newer = user(`newer ${at}`, at);
      const older = user(`older ${at}`, at, {});
      const legacy = user(`legacy ${at}`, at, { legacy: true });
      links.length = 0;
      // The second time the recipients are known, and the fast path is used.
      for (const times of [1, 2]) {
        for (const { name } of [newer, older, legacy]) {
          const ids = ann.sendBatch(name, texts);
          network.run(100);
          for (const reader of [newer, older].filter((reader) => reader.name === name)) {
            assertEquals(
              reader.messages.slice(-3),
              texts.map((text, i) => ({ id: ids[i]!, sender: "Ann", recipient: name, text })),
            );
          }
        }
        assertEquals(kindsOf(newer), Array(times).fill(Batch));
        assertEquals(kindsOf(older), Array(3 * times).fill(Ephemeral));
        assertEquals(legacy.text, "Ann: oneAnn: Ann: drei 🦊".repeat(times));
      }
      // Once from Ann, and then whole over every link.
      assertEquals(
        links.map(({ frame: { subtype, reserved } }) => `${subtype} ${reserved}`),
        Array(6).fill([0, 1, 2].slice(0, at + 1).map((hops) => `${Batch} ${hops}`)).flat(),
      );
    }
    assertEquals([ann.receipts, ann.errors], [[], []]);
  },
);

pureTest("a batch goes as single messages to a server that does not read batches", () => {
  const { network, nodes, user } = start(1);
  const ann = user("Ann", 0);
  const peer = new ScriptedPeer(network, nodes[0]!);
  const session = network.uuid();
  peer.present([{ name: "Far", kind: UserKind.Session, session, since: 1 }]);
  network.run(50);
  for (const texts of [["one", "two"], ["three", "four"]]) {
    const ids = ann.sendBatch("Far", texts);
    peer.frames.length = 0;
    network.run(50);
    const frames = peer.got(FrameType.Message, Ephemeral);
    assertEquals(frames.map(({ payload }) => readMessage(payload).id), ids);
    assertEquals(frames.map(({ payload }) => readMessage(payload).text), texts);
    assertEquals(frames.map(({ reserved }) => reserved), [1, 1]);
    assertEquals(peer.got(FrameType.Message, Batch), []);
  }
});

pureTest("a batch for a user of a legacy server is sent there message by message", () => {
  const { network, nodes, user } = start(2);
  const old = new LegacyServer(network, "10.0.5.1:6001");
  old.announceTo(nodes[0]!.address);
  const olga = new TestUser(network, "Olga", { legacy: true }).register(old);
  network.until(() => nodes[1]!.users().includes("Olga"), 3_000);
  for (const [index, name] of ["Ann", "Bob"].entries()) {
    olga.text = "";
    const from = user(name, index);
    from.sendBatch("Olga", ["one", "two", "three"]);
    network.run(2_000);
    assertEquals(olga.text, ["one", "two", "three"].map((text) => `${name}: ${text}`).join(""));
    assertEquals(from.errors, []);
  }
  assert(old.messages().every(({ frames, subtype }) => frames === 1 && subtype === Ephemeral));
});

pureTest("a message is delivered once, whether it comes in one batch, in two, or alone", () => {
  for (const at of [0, 1]) {
    for (const options of [{ batches: true }, {}]) {
      const { network, user } = start(2);
      const ann = user("Ann", 0);
      const bob = user("Bob", at, options);
      const id = sequenceId(network);
      const ids = idsFrom(id, 9);
      ann.sendBatch("Bob", ["0", "1", "2"], { id });
      ann.sendBatch("Bob", ["0", "1", "2"], { id });
      ann.send("Bob", "2", { id: ids[2]!, kind: Ephemeral });
      ann.send("Bob", "4", { id: ids[4]!, kind: Ephemeral });
      // The first of these is new, the second is not, the third is.
      ann.sendBatch("Bob", ["3", "4", "5"], { id: ids[3]! });
      ann.sendBatch("Bob", ["7", "8"], { id: ids[7]! });
      ann.sendBatch("Bob", ["2", "3", "4", "5", "6", "7", "8"], { id: ids[2]! });
      network.run(200);
      assertEquals(bob.textsFrom("Ann"), [..."012435786"]);
      assertEquals([...new Set(bob.messages.map(({ id }) => id))].sort(), ids);
      assertEquals(ann.receipts, []);
    }
  }
});

pureTest("a batch for an unknown user is refused message by message, each by its id", () => {
  const { network, user } = start(2);
  const ann = user("Ann", 0);
  const ids = ann.sendBatch("Nobody", ["one", "two", "three"]);
  network.run(50);
  assertEquals(ann.receipts.map(({ id }) => id), ids);
  assertEquals(ids.map((id) => ann.refusalOf(id)), Array(3).fill(ErrorCode.NoSuchUser));
  // The batch arrives when there is a user of that name.
  const nobody = user("Nobody", 1);
  ann.sendBatch("Nobody", ["one", "two", "three"], { id: ids[0]! });
  network.run(50);
  assertEquals(nobody.messages.map(({ id }) => id), ids);
});

pureTest("a batch in another user's name is refused as a whole, whoever the recipient is", () => {
  const { network, user } = start(2);
  const ann = user("Ann", 0);
  const readers = [user("Bob", 0), user("Cid", 0, {}), user("Dan", 1), user("Eve", 1, {})];
  for (const { name } of readers) {
    ann.sendBatch(name, ["mine"]);
    ann.sendBatch(name, ["forged", "too"], { sender: "Bob" });
  }
  network.run(100);
  for (const reader of readers) assertEquals(reader.messages.map(({ text }) => text), ["mine"]);
  assertEquals(ann.errorNames(), Array(4).fill("SenderMismatch"));
});

pureTest(
  "batches for a user who does not read are refused message by message when 8 MiB are queued",
  () => {
    for (const options of [{ batches: true }, {}]) {
      const { network, user } = start(2);
      const [ann, slow] = [user("Ann", 1), user("Slow", 0, options)];
      slow.connection!.pause();
      const ids: string[] = [];
      for (let i = 0; i < 300; i++) {
        ids.push(...ann.sendBatch("Slow", Array(30).fill("x".repeat(1_000))));
      }
      network.run(2_000);
      const refused = ids.filter((id) => ann.refusalOf(id) === ErrorCode.RecipientBusy);
      assertEquals(ann.receipts.length, refused.length);
      assert(refused.length > 100, `${refused.length} refused`);
      slow.connection!.resume();
      network.run(2_000);
      assertEquals(slow.messages.length, ids.length - refused.length);
    }
  },
);

pureTest("a sender of batches to a slow recipient is paused, and the batches stay whole", () => {
  const { network, nodes, user } = start(1);
  const [ann, slow] = [user("Ann", 0), user("Slow", 0)];
  slow.connection!.pause();
  for (let i = 0; i < 100; i++) ann.sendBatch("Slow", Array(60).fill("x".repeat(1_000)));
  network.run(1_000);
  assert(nodes[0]!.core.users.get("Ann")!.connection.isPaused);
  assert(nodes[0]!.core.users.get("Slow")!.out.length < 2 * 1024 * 1024);
  slow.connection!.resume();
  network.run(2_000);
  assert(!nodes[0]!.core.users.get("Ann")!.connection.isPaused);
  assertEquals(kindsOf(slow), Array(100).fill(Batch));
  assertEquals(ann.receipts, []);
});
