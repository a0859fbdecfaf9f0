/**
 * A peer that breaks the rules loses its own link and no other: servers never pass on what would make another one
 * close a link, and nobody can pass for a linked server.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  FrameWriter,
  HEADER_BYTES,
  MessageKind,
  NIL_UUID,
  PresenceKind,
  ReceiptState,
  UserKind,
  writeBatch,
  writeLinkState,
  writeMessage,
  writeNameClaim,
  writeOutboundMessage,
  writePeerRegistration,
  writePresenceChanges,
  writePresenceNames,
  writePresenceSnapshot,
  writeReceiptQuery,
  writeRelayedReceipts,
  writeServerReceipts,
} from "@netlab/protocol";
import { LIMITS } from "@netlab/p2p/core";
import { addressOf, servers, settle, VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";
import { between, pick, type Random, seeded } from "@netlab/lab/random";
import { pureTest } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";

/** Two linked servers with a user each, and a peer of the first one. */
function start(seed = 1) {
  const network = new VirtualNetwork(seed);
  const nodes = servers(network, 2) as [VirtualNode, VirtualNode];
  settle(network, nodes);
  new TestUser(network, "Ann").at(nodes[0]);
  new TestUser(network, "Bob", { batches: true }).at(nodes[1]);
  const peer = new ScriptedPeer(network, nodes[0]);
  network.run(12_000);
  return { network, nodes, peer };
}

/** Writes frames that the first server passes on to the second one. */
function passedOn(
  network: VirtualNetwork,
  to: string,
  from: string,
): ((out: FrameWriter) => void)[] {
  const id = () => network.uuid();
  const sequenceId = () => id().replace(/^(.{14})./, "$18");
  const message = () => ({ id: id(), sender: "Eve", recipient: "Bob", text: "hello 🦊" });
  const receipt = () => ({ id: id(), state: ReceiptState.Refused, code: 9, reason: "why" });
  const outbound = (out: FrameWriter, kind: number) => {
    const inner = new FrameWriter();
    writeMessage(inner, message(), MessageKind.Durable);
    const payload = inner.take().slice(HEADER_BYTES);
    const ids = { origin: from, destination: to, previous: NIL_UUID };
    writeOutboundMessage(out, { ...ids, message: payload }, kind, 1);
  };
  const user = () => ({ name: "Mallory", kind: UserKind.Session, session: id(), since: 1 });
  let version = 10;
  return [
    (out) => writeMessage(out, message(), MessageKind.Ephemeral),
    (out) => writeMessage(out, message(), MessageKind.Durable),
    (out) =>
      writeBatch(out, {
        id: sequenceId(),
        sender: "Eve",
        recipient: "Bob",
        texts: ["hello", "🦊"],
      }),
    (out) => outbound(out, MessageKind.Outbound),
    (out) => outbound(out, MessageKind.HandedOff),
    (out) => writeRelayedReceipts(out, "Bob", [receipt()], 1),
    (out) => writeServerReceipts(out, { to, from, receipts: [receipt()] }, 1),
    (out) => writeReceiptQuery(out, { to, user: "Bob", ids: [id()] }, 1),
    (out) => writeNameClaim(out, PresenceKind.Claim, { to, from, name: "Bob" }, 1),
    (out) => writeNameClaim(out, PresenceKind.Held, { to, from, name: "Bob" }, 1),
    (out) => writePresenceChanges(out, { server: from, version: version++, changes: [user()] }),
    (out) =>
      writePresenceSnapshot(out, {
        server: from,
        version: version++,
        part: 0,
        parts: 1,
        users: [user()],
      }),
    (out) => writePresenceNames(out, [`Name ${version++}`]),
    (out) => {
      const links = [{ server: to, cost: 1 }];
      writeLinkState(out, { server: from, version: version++, address: "10.0.9.9:5001", links });
    },
  ];
}

/** Changes the payload of a frame: some bytes, or its length. */
function damaged(frame: Uint8Array, random: Random): Uint8Array {
  let bytes = frame.slice();
  if (random() < 0.3) {
    const length = between(random, HEADER_BYTES, frame.length + 8);
    bytes = new Uint8Array(length);
    bytes.set(frame.subarray(0, length));
    new DataView(bytes.buffer).setUint16(2, length - HEADER_BYTES);
  }
  if (bytes.length === HEADER_BYTES) return bytes;
  for (let n = between(random, 1, 3); n > 0; n--) {
    const at = between(random, HEADER_BYTES, bytes.length - 1);
    bytes[at] = pick(random, [0, 0xff, 0x80, 0xc3, 0xed, bytes[at]! ^ 1, between(random, 0, 255)]);
  }
  return bytes;
}

pureTest("whatever a peer or a user sends, two other servers keep their link", () => {
  const random = seeded(20);
  const { network, nodes: [near, far], peer: first } = start();
  let peer = first;
  let eve = new TestUser(network, "Eve").at(near);
  network.run(1_000);
  const link = near.linkTo(far);
  assert(link !== undefined);
  let dropped = 0;
  for (let round = 0; round < 1_500; round++) {
    if (peer.connection.closed) {
      dropped++;
      peer = new ScriptedPeer(network, near, `10.0.9.${9 + dropped % 200}:5001`);
    }
    if (eve.connection!.closed) eve = new TestUser(network, "Eve").at(near);
    const out = new FrameWriter();
    pick(random, passedOn(network, far.core.id, peer.id))(out);
    const bytes = damaged(out.take(), random);
    pick(random, [peer.out, eve.connection!.out]).raw(bytes);
    network.run(20);
    if (near.linkTo(far) === link && far.linkTo(near)) continue;
    throw new Error(`The link is lost in round ${round}, after ${bytes.toHex()}`);
  }
  assert(dropped > 10, `${dropped} links of the peer were dropped`);
  // They still carry messages.
  const ann = new TestUser(network, "Olga").at(near);
  const bob = new TestUser(network, "Bill").at(far);
  network.run(1_000);
  ann.send("Bill", "still here");
  network.run(1_000);
  assertEquals(bob.messages.map(({ text }) => text), ["still here"]);
});

pureTest("nobody replaces a link that works by passing for the server at its other end", () => {
  const { network, nodes: [near, far] } = start();
  const link = near.linkTo(far);
  const errors: number[] = [];
  for (let n = 0; n < 20; n++) {
    network.dial(`10.0.7.${n}:1`, near.address, {
      connected: (connection) => {
        connection.start({
          frame: ({ type, payload }) =>
            type === FrameType.Error && errors.push(payload[0]! << 8 | payload[1]!),
        });
        writePeerRegistration(connection.out, { server: far.core.id, address: "10.0.7.7:1" });
      },
      failed: (reason) => {
        throw new Error(reason);
      },
    });
    network.run(500);
  }
  assertEquals(near.linkTo(far), link);
  assertEquals(new Set(errors), new Set([ErrorCode.AlreadyLinked]));
  assertEquals(errors.length, 20);
});

pureTest("a silent link is replaced by a new one to the same server", () => {
  const { network, nodes: [near], peer } = start();
  const link = () => [...near.core.mesh.peers()].find(({ server }) => server === peer.id)!;
  const before = link();
  // The server at the other end has lost the connection, and this one has not noticed yet.
  before.connection.heardAt -= 2_000;
  network.dial("10.0.9.9:2", near.address, {
    connected: (connection) => {
      connection.start({ frame: () => {} });
      writePeerRegistration(connection.out, { server: peer.id, address: peer.address });
    },
    failed: () => {},
  });
  network.until(() => link() !== before, 100);
});

pureTest("what others say about a linked server changes no route to it", () => {
  const { network, nodes: [near, far], peer } = start();
  for (const version of [1_000, Number.MAX_SAFE_INTEGER]) {
    peer.announce({ server: far.core.id, version, address: "10.0.9.9:1", links: [] });
    network.run(1_000);
    assert(near.core.topology.reaches(far.core.id), `version ${version}`);
  }
});

pureTest("a server whose link state was invented before it was linked is reached", () => {
  const network = new VirtualNetwork();
  const near = new VirtualNode(network, addressOf(0));
  const peer = new ScriptedPeer(network, near);
  const late = new VirtualNode(network, addressOf(1), { peers: [near.address] });
  const version = Number.MAX_SAFE_INTEGER;
  peer.announce({ server: late.core.id, version, address: late.address, links: [] });
  network.until(() => near.linkTo(late) !== undefined, 5_000);
  network.run(1_000);
  assert(near.core.topology.reaches(late.core.id));
});

pureTest("a server is linked again although another one says that it is reached there", () => {
  const { network, nodes: [near, far] } = start();
  const liar = new ScriptedPeer(network, near, far.address);
  network.run(1_000);
  const link = near.linkTo(far)!;
  // Only this server dials again.
  const { dial } = network;
  network.dial = (from, to, dialler) => {
    if (from === far.address) network.after(1, () => dialler.failed("blocked"));
    else dial.call(network, from, to, dialler);
  };
  link.connection.abort();
  network.until(() => near.linkTo(far) !== undefined, 5_000);
  assert(!liar.connection.closed);
});

pureTest("a server takes links up to its limit, and still dials those that it must", () => {
  const network = new VirtualNetwork();
  const node = new VirtualNode(network, addressOf(0));
  const most = LIMITS.links.default;
  const links: ScriptedPeer[] = [];
  const host = (n: number) => `10.1.${n >> 8}.${n & 255}:1`;
  for (let n = 0; n < most; n++) links.push(new ScriptedPeer(network, node, host(n)));
  assertEquals(node.neighbours().length, most);
  let error: number | undefined;
  network.dial(host(most), node.address, {
    connected: (connection) => {
      connection.start({
        frame: ({ type, payload }) => {
          if (type === FrameType.Error) error = payload[0]! << 8 | payload[1]!;
        },
      });
      writePeerRegistration(connection.out, { server: network.uuid(), address: host(most) });
    },
    failed: () => {},
  });
  network.run(100);
  assertEquals(error, ErrorCode.TooManyLinks);
  assertEquals(node.neighbours().length, most);
  links[0]!.connection.abort();
  network.run(100);
  new ScriptedPeer(network, node, host(most));
  assertEquals(node.neighbours().length, most);
});
