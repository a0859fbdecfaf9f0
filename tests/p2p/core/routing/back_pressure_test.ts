/**
 * A server pauses a sender that writes faster than the recipient reads, then refuses its messages.
 * Other users are not affected.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode, FrameType, MessageKind } from "@netlab/protocol";
import { servers, settle, VirtualNetwork, type VirtualNode } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { TestUser } from "../test_user.ts";

const MIB = 1024 * 1024;
/** Ephemeral messages: `limits_test.ts` of the mailbox has the durable ones. */
const kind = MessageKind.Ephemeral;
const TEXT = "x".repeat(60_000);

function start() {
  const network = new VirtualNetwork();
  const nodes = servers(network, 2) as [VirtualNode, VirtualNode];
  settle(network, nodes);
  const [here, there] = nodes;
  const ann = new TestUser(network, "Ann").at(here);
  const slow = new TestUser(network, "Slow").at(here);
  const bob = new TestUser(network, "Bob").at(here);
  const far = new TestUser(network, "Far").at(there);
  network.run(50);
  const linkOf = (user: TestUser) => here.core.users.get(user.name)!;
  const isPaused = (user: TestUser) =>
    (linkOf(user).connection.transport as unknown as { paused: boolean }).paused;
  return { network, here, there, ann, slow, bob, far, linkOf, isPaused };
}

pureTest(
  "a sender to a slow recipient is paused until the recipient has read, and nothing is lost",
  () => {
    const { network, ann, slow, bob, linkOf, isPaused } = start();
    slow.connection!.pause();
    const ids = Array.from({ length: 100 }, () => ann.send("Slow", TEXT, { kind }));
    network.run(1_000);
    assert(isPaused(ann));
    assert(linkOf(slow).out.length < 2 * MIB, "what waits has a bound");
    assertEquals(linkOf(ann).connection.isPaused, true);
    // Other users are not affected.
    const id = bob.send("Far", "hello");
    network.run(100);
    assert(bob.isDelivered(id));

    slow.connection!.resume();
    network.run(2_000);
    assert(!isPaused(ann));
    assertEquals(slow.messages.length, ids.length);
    assertEquals(ids.filter((id) => ann.refusalOf(id) !== undefined), []);
  },
);

pureTest("a sender that is paused for a slow recipient continues when the recipient leaves", () => {
  const { network, ann, slow, isPaused } = start();
  slow.connection!.pause();
  for (let i = 0; i < 100; i++) ann.send("Slow", TEXT, { kind });
  network.run(1_000);
  assert(isPaused(ann));
  slow.connection!.abort();
  network.run(1_000);
  assert(!isPaused(ann));
  const codes = new Set(ann.receipts.map(({ code }) => code));
  assertEquals([...codes], [ErrorCode.NoSuchUser]);
  assert(ann.receipts.length > 50, "what came after that");
});

pureTest("a sender is paused while a link between servers is full", () => {
  const { network, here, there, ann, far, isPaused } = start();
  network.silence(here.address, there.address);
  for (let i = 0; i < 100; i++) ann.send("Far", TEXT, { kind });
  network.run(1_000);
  assert(isPaused(ann));
  network.join(here.address, there.address);
  network.run(2_000);
  assert(!isPaused(ann));
  assertEquals(far.messages.length, 100);
});

pureTest("messages for a user who does not read are refused when 8 MiB are queued", () => {
  const { network, ann, slow, far, linkOf } = start();
  slow.connection!.pause();
  // No server pauses users of other servers.
  const ids = Array.from({ length: 250 }, () => far.send("Slow", TEXT, { kind }));
  network.run(2_000);
  const waiting = linkOf(slow).out.length;
  assert(waiting > 8 * MIB && waiting < 8 * MIB + 70_000, `${waiting} bytes wait`);
  const refused = ids.filter((id) => far.refusalOf(id) === ErrorCode.RecipientBusy);
  assertEquals(far.receipts.length, refused.length);
  assert(refused.length > 50, `${refused.length} refused`);

  slow.connection!.resume();
  network.run(2_000);
  assertEquals(slow.messages.length, ids.length - refused.length);
  // A refused message can be sent again.
  far.send("Slow", TEXT, { id: refused[0]!, kind });
  network.run(100);
  assertEquals(slow.messages.at(-1)!.id, refused[0]);
  assertEquals(ann.errors, []);
});

pureTest(
  "a sender that was paused for 3 s continues, and its messages are refused until the slow recipient has read",
  () => {
    const { network, ann, slow, bob, isPaused } = start();
    slow.connection!.pause();
    const ids = Array.from({ length: 100 }, () => ann.send("Slow", TEXT, { kind }));
    network.run(2_900);
    assert(isPaused(ann));
    assertEquals(ann.receipts, []);
    network.run(1_000);
    assert(!isPaused(ann));
    const refused = ids.filter((id) => ann.refusalOf(id) === ErrorCode.RecipientBusy);
    assert(refused.length > 50, `${refused.length} refused`);
    const id = ann.send("Bob", "hello");
    network.run(100);
    assert(ann.isDelivered(id));
    slow.connection!.resume();
    network.run(2_000);
    assertEquals(slow.messages.length, ids.length - refused.length);
    bob.send("Slow", "after that", { kind });
    network.run(100);
    assertEquals(slow.textsFrom("Bob"), ["after that"]);
  },
);

pureTest("a paused sender does not count as silent", () => {
  const { network, here, ann, slow, isPaused } = start();
  const alive = network.watch(({ to, frame }) =>
    to === ann.party && frame.type === FrameType.LinkState
  );
  slow.connection!.pause();
  for (let i = 0; i < 100; i++) ann.send("Slow", TEXT, { kind });
  network.run(1_000);
  assert(isPaused(ann));
  const second = new TestUser(network, "Ann").register(here);
  network.run(1_500);
  assertEquals(second.errorNames(), ["NameTaken"]);
  assert(isPaused(ann));
  assertEquals(alive.length, 3, "nor does it take the server for dead: one each second");
  network.run(60_000);
  assert(!ann.connection!.closed);
  slow.connection!.resume();
  network.run(2_000);
  assertEquals(slow.messages.length + ann.receipts.length, 100);
});
