/**
 * Whoever writes faster than the recipient reads is held up, then refused, and nobody else is hurt.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode, FrameType, MessageKind } from "@netlab/protocol";
import { servers, settle, VirtualNetwork, type VirtualNode } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { TestUser } from "../test_user.ts";

const MIB = 1024 * 1024;
/** Nobody keeps them: what the mailbox does with others stands in `mailbox_limits_test.ts`. */
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
  const isHeldUp = (user: TestUser) =>
    (linkOf(user).connection.transport as unknown as { paused: boolean }).paused;
  return { network, here, there, ann, slow, bob, far, linkOf, isHeldUp };
}

pureTest(
  "a user who writes to a slow one is held up until that one has read, and nothing is lost",
  () => {
    const { network, ann, slow, bob, linkOf, isHeldUp } = start();
    slow.connection!.pause();
    const ids = Array.from({ length: 100 }, () => ann.send("Slow", TEXT, { kind }));
    network.run(1_000);
    assert(isHeldUp(ann));
    assert(linkOf(slow).out.length < 2 * MIB, "what waits has a bound");
    assertEquals(linkOf(ann).connection.isPaused, true);
    // Others go on.
    const id = bob.send("Far", "hello");
    network.run(100);
    assert(bob.isDelivered(id));

    slow.connection!.resume();
    network.run(2_000);
    assert(!isHeldUp(ann));
    assertEquals(slow.messages.length, ids.length);
    assertEquals(ids.filter((id) => ann.refusalOf(id) !== undefined), []);
  },
);

pureTest("a user who is held up by one that leaves goes on", () => {
  const { network, ann, slow, isHeldUp } = start();
  slow.connection!.pause();
  for (let i = 0; i < 100; i++) ann.send("Slow", TEXT, { kind });
  network.run(1_000);
  assert(isHeldUp(ann));
  slow.connection!.abort();
  network.run(1_000);
  assert(!isHeldUp(ann));
  const codes = new Set(ann.receipts.map(({ code }) => code));
  assertEquals([...codes], [ErrorCode.NoSuchUser]);
  assert(ann.receipts.length > 50, "what came after that");
});

pureTest("a user who writes over a slow link between servers is held up until it has room", () => {
  const { network, here, there, ann, far, isHeldUp } = start();
  network.silence(here.address, there.address);
  for (let i = 0; i < 100; i++) ann.send("Far", TEXT, { kind });
  network.run(1_000);
  assert(isHeldUp(ann));
  network.join(here.address, there.address);
  network.run(2_000);
  assert(!isHeldUp(ann));
  assertEquals(far.messages.length, 100);
});

pureTest("messages for a user who does not read are refused when 8 MiB wait", () => {
  const { network, ann, slow, far, linkOf } = start();
  slow.connection!.pause();
  // Nobody holds up users of other servers.
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
  // What was refused may be sent again.
  far.send("Slow", TEXT, { id: refused[0]!, kind });
  network.run(100);
  assertEquals(slow.messages.at(-1)!.id, refused[0]);
  assertEquals(ann.errors, []);
});

pureTest(
  "a user who is held up for 3 s goes on, and messages to the slow one are refused until it read",
  () => {
    const { network, ann, slow, bob, isHeldUp } = start();
    slow.connection!.pause();
    const ids = Array.from({ length: 100 }, () => ann.send("Slow", TEXT, { kind }));
    network.run(2_900);
    assert(isHeldUp(ann));
    assertEquals(ann.receipts, []);
    network.run(1_000);
    assert(!isHeldUp(ann));
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

pureTest("a user who is held up is not taken for silent", () => {
  const { network, here, ann, slow, isHeldUp } = start();
  const alive = network.watch(({ to, frame }) =>
    to === ann.party && frame.type === FrameType.LinkState
  );
  slow.connection!.pause();
  for (let i = 0; i < 100; i++) ann.send("Slow", TEXT, { kind });
  network.run(1_000);
  assert(isHeldUp(ann));
  const stranger = new TestUser(network, "Ann").register(here);
  network.run(1_500);
  assertEquals(stranger.errorNames(), ["NameTaken"]);
  assert(isHeldUp(ann));
  assertEquals(alive.length, 3, "nor does it take the server for dead: one each second");
  network.run(60_000);
  assert(!ann.connection!.closed);
  slow.connection!.resume();
  network.run(2_000);
  assertEquals(slow.messages.length + ann.receipts.length, 100);
});
