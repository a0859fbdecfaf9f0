/**
 * How much a server stores for one recipient, and what happens to more: it is refused if the recipient
 * is absent, and accepted later if the recipient is present.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ErrorCode } from "@netlab/protocol";
import type { MailboxLimits } from "@netlab/p2p/core";
import { servers, settle, VirtualNetwork, type VirtualNode } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { TestUser } from "../test_user.ts";

const MIB = 1024 * 1024;

function start(limits?: MailboxLimits) {
  const network = new VirtualNetwork();
  const nodes = servers(network, 2, undefined, limits ? { limits } : {}) as [
    VirtualNode,
    VirtualNode,
  ];
  settle(network, nodes);
  const ann = new TestUser(network, "Ann").at(nodes[0]);
  const isPaused = (user: TestUser) => nodes[0].core.users.get(user.name)!.connection.isPaused;
  return { network, nodes, ann, isPaused };
}

pureTest(
  "mailbox stores a thousand messages for an absent user, and refuses one more with the user's name",
  () => {
    const { network, nodes, ann, isPaused } = start();
    const ids = Array.from({ length: 1_001 }, (_, index) => ann.send("Zoë", `${index}`));
    const other = ann.send("Bob", "there is room");
    network.run(1_000);
    assertEquals(ids.filter((id) => ann.isAccepted(id)).length, 1_000);
    const last = ids.at(-1)!;
    assertEquals(ann.refusalOf(last), ErrorCode.MailboxFull);
    assertStringIncludes(ann.receiptsFor(last)[0]!.reason, "Zoë");
    assert(ann.isAccepted(other));
    assert(!isPaused(ann));
    const zoë = new TestUser(network, "Zoë").at(nodes[1]);
    network.run(2_000);
    assertEquals(zoë.textsFrom("Ann"), ids.slice(0, 1_000).map((_, index) => `${index}`));
    const more = ann.send("Zoë", "again there is room");
    network.run(100);
    assert(ann.isDelivered(more));
  },
);

pureTest("mailbox stores 16 MiB for an absent user, and not many more", () => {
  const { network, ann } = start();
  const text = "x".repeat(60_000);
  const ids = Array.from({ length: 300 }, () => {
    network.run(10);
    return ann.send("Bob", text);
  });
  network.run(1_000);
  const stored = ids.filter((id) => ann.isAccepted(id)).length;
  assertEquals(stored, Math.ceil(16 * MIB / (60_000 + 36 + 3 + 6)));
  assertEquals(
    ids.filter((id) => ann.refusalOf(id) === ErrorCode.MailboxFull).length,
    300 - stored,
  );
});

pureTest("mailbox limits can be set, and count for each recipient separately", () => {
  const { network, nodes, ann } = start({ maxMessages: 3, maxBytes: 1_000, maxAgeMs: 5_000 });
  const few = Array.from({ length: 5 }, () => ann.send("Bob", "x"));
  const big = Array.from({ length: 3 }, () => ann.send("Cid", "x".repeat(600)));
  network.run(100);
  assertEquals(few.map((id) => ann.isAccepted(id)), [true, true, true, false, false]);
  assertEquals(big.map((id) => ann.isAccepted(id)), [true, true, false]);
  network.run(6_000);
  const bob = new TestUser(network, "Bob").at(nodes[1]);
  network.run(1_000);
  assertEquals(bob.messages, [], "they have expired");
});

pureTest(
  "acceptances beyond the limit are deferred while the recipient is present, and nothing is refused",
  () => {
    const { network, nodes, ann, isPaused } = start({ maxMessages: 20 });
    const bob = new TestUser(network, "Bob", { forgetful: true }).at(nodes[1]);
    const cid = new TestUser(network, "Cid").at(nodes[0]);
    network.run(50);
    const ids = Array.from({ length: 60 }, (_, i) => ann.send("Bob", `${i} ${"x".repeat(2_000)}`));
    network.run(500);
    assertEquals(ids.filter((id) => ann.isAccepted(id)), ids.slice(0, 20));
    // The server still reads from Ann: her acknowledgements use the same connection.
    assert(!isPaused(ann));
    const id = cid.send("Ann", "hello");
    const other = ann.send("Cid", "hello");
    network.run(100);
    assert(cid.isDelivered(id) && ann.isDelivered(other));
    for (let seen = 0; seen < ids.length;) {
      const news = bob.messages.slice(seen).map(({ id }) => id);
      assert(news.length > 0, `stuck at ${seen}`);
      bob.acknowledge(...news);
      seen += news.length;
      network.run(200);
    }
    network.run(200);
    assertEquals(ids.filter((id) => !ann.isDelivered(id)), []);
    assertEquals(bob.messages.map(({ id }) => id), ids);
  },
);

pureTest(
  "deferred acceptances are reported when the recipient leaves",
  () => {
    const { network, nodes, ann } = start({ maxMessages: 20 });
    const bob = new TestUser(network, "Bob", { forgetful: true }).at(nodes[1]);
    network.run(50);
    const ids = Array.from({ length: 60 }, (_, i) => ann.send("Bob", `${i} ${"x".repeat(2_000)}`));
    network.run(500);
    assertEquals(ids.filter((id) => ann.isAccepted(id)).length, 20);
    bob.connection!.abort();
    network.run(500);
    assertEquals(ids.filter((id) => ann.isAccepted(id)), ids);
    const beyond = ann.send("Bob", "too many");
    network.run(50);
    assertEquals(ann.refusalOf(beyond), ErrorCode.MailboxFull);
    const again = new TestUser(network, "Bob").at(nodes[0]);
    network.run(500);
    assertEquals(again.messages.map(({ id }) => id), ids);
  },
);

pureTest(
  "acceptances are deferred for 10 s if the recipient acknowledges nothing, and then refused until it does",
  () => {
    const { network, nodes, ann } = start({ maxMessages: 20 });
    const bob = new TestUser(network, "Bob", { forgetful: true }).at(nodes[1]);
    network.run(50);
    const ids = Array.from({ length: 60 }, (_, i) => ann.send("Bob", `${i} ${"x".repeat(2_000)}`));
    network.run(6_000);
    // Each answer starts the time anew: the recipient is slow, and not stuck.
    bob.acknowledge(ids[0]!);
    network.run(9_500);
    assertEquals(ids.filter((id) => ann.isAccepted(id)).length, 20);
    network.run(1_000);
    assertEquals(ids.filter((id) => ann.isAccepted(id)), ids);
    const beyond = ann.send("Bob", "too many");
    network.run(50);
    assertEquals(ann.refusalOf(beyond), ErrorCode.MailboxFull);
    bob.acknowledge(...ids);
    network.run(100);
    assertEquals(ids.filter((id) => !ann.isDelivered(id)), []);
    const id = ann.send("Bob", "after that");
    network.run(100);
    assert(ann.isAccepted(id));
  },
);

pureTest("messages are refused when more than 4 MiB beyond the limit are deferred", () => {
  const { network, nodes, ann } = start({ maxMessages: 1 });
  const bob = new TestUser(network, "Bob", { forgetful: true }).at(nodes[1]);
  network.run(50);
  const ids = Array.from({ length: 100 }, () => ann.send("Bob", "x".repeat(60_000)));
  network.run(1_000);
  const refused = ids.filter((id) => ann.refusalOf(id) === ErrorCode.MailboxFull);
  assert(refused.length > 20 && refused.length < 40, `${refused.length} refused`);
  for (let round = 0; round < 2; round++) {
    bob.acknowledge(...bob.messages.map(({ id }) => id));
    network.run(500);
  }
  assertEquals(ids.filter((id) => !ann.isDelivered(id)), refused);
});
