/**
 * A store that needs time, and may fail: nothing is accepted before it is written, and what comes meanwhile is
 * written together.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { ErrorCode, NetlabError, ReceiptState } from "@netlab/protocol";
import type { StoredMessage } from "@netlab/p2p/core";
import { servers, VirtualNetwork } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { TestUser } from "../test_user.ts";
import { VirtualStore } from "../virtual_store.ts";

const { Accepted, Delivered } = ReceiptState;

/** A shared store whose writes end when the test says so. */
class SlowStore extends VirtualStore {
  readonly isShared = true;
  refuses = false;
  /** Ends each open write. */
  readonly open: ((error?: Error) => void)[] = [];

  override write(...args: Parameters<VirtualStore["write"]>): Promise<void> {
    const [added, removed, ends, names] = args;
    // What is removed is removed in any case.
    super.write([], removed, ends, names);
    if (added.length === 0) return undefined as unknown as Promise<void>;
    const settle = (done: () => void, fail: (error: Error) => void) => {
      if (this.refuses) return fail(new NetlabError(ErrorCode.NetworkUnreachable, "it is gone"));
      this.open.push((error) => {
        if (error) return fail(error);
        super.write(added, [], new Uint8Array(0), []);
        done();
      });
    };
    // Ends in virtual time, not with the next microtask.
    return { then: settle } as unknown as Promise<void>;
  }
}

function start() {
  const network = new VirtualNetwork();
  const store = new SlowStore();
  const [node] = servers(network, 1, undefined, { store });
  const user = (name: string) => {
    const user = new TestUser(network, name).at(node!);
    network.run(50);
    return user;
  };
  return { network, store, node: node!, user };
}

pureTest(
  "nothing is accepted or sent before a slow store has it, and the next write takes all",
  () => {
    const { network, store, user } = start();
    const [ann, bob] = [user("Ann"), user("Bob")];
    const first = ann.send("Bob", "first");
    network.run(100);
    assertEquals(store.open.length, 1);
    const more = ["second", "third"].map((text) => ann.send("Bob", text));
    network.run(1_000);
    assertEquals([store.open.length, ann.statesOf(first), bob.messages.length], [1, [], 0]);
    store.open.shift()!();
    network.run(100);
    assertEquals([ann.statesOf(first), bob.textsFrom("Ann")], [[Accepted, Delivered], ["first"]]);
    assertEquals([store.open.length, more.map((id) => ann.statesOf(id))], [1, [[], []]]);
    store.open.shift()!();
    network.run(100);
    assertEquals(
      store.writes.at(-1)?.removed.length,
      2,
      "they are removed when they are acknowledged",
    );
    assertEquals(bob.textsFrom("Ann"), ["first", "second", "third"]);
    assertEquals(store.ids, []);
  },
);

pureTest(
  "what a slow store has not written is refused with its reason, and what it has is delivered",
  () => {
    const { network, store, user } = start();
    const ann = user("Ann");
    const lost = ann.send("Bob", "lost");
    network.run(100);
    store.open.shift()!(new NetlabError(ErrorCode.NetworkUnreachable, "it is gone"));
    network.run(100);
    assertEquals(ann.refusalOf(lost), ErrorCode.NetworkUnreachable);
    const kept = ann.send("Bob", "kept");
    network.run(100);
    store.open.shift()!();
    const bob = user("Bob");
    network.run(100);
    assertEquals([bob.textsFrom("Ann"), ann.isDelivered(kept)], [["kept"], true]);
  },
);

pureTest(
  "while a store refuses, new messages are refused and the write before it may still end",
  () => {
    const { network, store, user } = start();
    const [ann, bob] = [user("Ann"), user("Bob")];
    const stuck = ann.send("Bob", "stuck");
    network.run(100);
    store.refuses = true;
    const refused = ann.send("Bob", "refused");
    network.run(500);
    assertEquals([ann.statesOf(stuck), ann.refusalOf(refused)], [[], ErrorCode.NetworkUnreachable]);
    store.refuses = false;
    store.open.shift()!();
    network.run(100);
    assertEquals([ann.statesOf(stuck), bob.textsFrom("Ann")], [[Accepted, Delivered], ["stuck"]]);
  },
);

pureTest(
  "messages that another server has stored are delivered once, in order, with receipts",
  () => {
    const { network, store, node, user } = start();
    const ann = user("Ann");
    const own = ann.send("Bob", "own");
    network.run(100);
    store.open.shift()!();
    network.run(100);
    const [stored] = [...store.load()] as [StoredMessage];
    const inherited = ["one", "two"].map((text, index) => messageLike(stored, text, 100 + index));
    node.enter(() => node.core.adopt(inherited));
    // The sender has sent it to both servers.
    node.enter(() => node.core.adopt([{ ...stored, offset: 200 }]));
    const bob = user("Bob");
    network.run(100);
    assertEquals(bob.textsFrom("Ann"), ["own", "one", "two"]);
    assertEquals([own, ...inherited.map(({ id }) => id)].map((id) => ann.isDelivered(id)), [
      true,
      true,
      true,
    ]);
    assertEquals(
      store.writes.flatMap(({ removed }) => removed).filter((id) => id === own).length,
      2,
    );
  },
);

/** Returns another message of the same sender for the same recipient. */
function messageLike(stored: StoredMessage, text: string, offset: number): StoredMessage {
  const { start } = stored;
  const payload = new TextDecoder().decode(stored.bytes.subarray(start + 6, stored.end));
  const [id, sender, recipient] = payload.split("\0") as [string, string, string];
  const otherId = `${id.slice(0, -4)}${String(offset).padStart(4, "0")}`;
  const body = new TextEncoder().encode([otherId, sender, recipient, text].join("\0"));
  const bytes = new Uint8Array(6 + body.length);
  bytes.set(stored.bytes.subarray(start, start + 2));
  new DataView(bytes.buffer).setUint16(2, body.length);
  bytes.set(body, 6);
  return { ...stored, id: otherId, bytes, start: 0, end: bytes.length, offset };
}
