/**
 * What a peer or a stranger can make a server remember is limited, whatever they send.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  MessageKind,
  NIL_UUID,
  readServerReceipts,
  ReceiptKind,
  UserKind,
  writeAnnouncement,
  writeOutboundMessage,
} from "@netlab/protocol";
import { LIMITS } from "@netlab/p2p/core";
import { addressOf, VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";
import { FrameWriter, HEADER_BYTES, writeMessage } from "@netlab/protocol/codec";

function start() {
  const network = new VirtualNetwork();
  const node = new VirtualNode(network, addressOf(0));
  const dialled: string[] = [];
  const { dial } = network;
  network.dial = (from, to, events) => {
    if (from === node.address) dialled.push(to);
    dial.call(network, from, to, events);
  };
  return { network, node, dialled };
}

pureTest("a server dials few of the addresses that strangers announce, and forgets them", () => {
  const { network, node, dialled } = start();
  const stranger = new TestUser(network, "Eve").dial(node);
  for (let port = 1; port <= 3_000; port++) writeAnnouncement(stranger.connection!.out, port);
  network.run(1_000);
  const inOneSecond = dialled.length;
  assert(inOneSecond > 0 && inOneSecond <= 5 * LIMITS.dials.default, `${inOneSecond} dials`);
  network.run(60 * 60_000);
  const addresses = new Set(dialled).size;
  assert(addresses <= LIMITS.addresses.default, `${addresses} addresses`);
  // They were given up, so there is room for a new one.
  dialled.length = 0;
  writeAnnouncement(new TestUser(network, "Eve").dial(node).connection!.out, 4_000);
  network.run(5_000);
  assert(dialled.some((address) => address.endsWith(":4000")), `${dialled}`);
});

pureTest("a server knows a thousand servers, and the users of as many", () => {
  const { network, node } = start();
  const peer = new ScriptedPeer(network, node);
  const since = 1;
  for (let i = 0; i < 1_100; i++) {
    const server = network.uuid();
    peer.announce({ server, version: 1, address: `10.1.${i >> 8}.${i & 255}:1`, links: [] });
    peer.present([{ name: `User ${i}`, kind: UserKind.Session, session: server, since }], {
      server,
    });
  }
  network.run(1_000);
  assertEquals(node.core.topology.size, LIMITS.servers.default);
  let located = 0;
  for (let i = 0; i < 1_100; i++) {
    for (const _ of node.core.locations.holders(`User ${i}`)) located++;
  }
  assert(located <= LIMITS.servers.default, `${located}`);
  // Its own links still work.
  assert(node.core.topology.reaches(peer.id));
});

pureTest("a user owes acknowledgements for ten thousand messages of other servers at most", () => {
  const { network, node } = start();
  const peer = new ScriptedPeer(network, node);
  const bob = new TestUser(network, "Bob", { forgetful: true }).at(node);
  network.run(100);
  const most = LIMITS.unacknowledged.default;
  for (let i = 0; i <= most; i++) {
    const out = new FrameWriter();
    const message = { id: network.uuid(), sender: "Ann", recipient: "Bob", text: "x" };
    writeMessage(out, message, MessageKind.Durable);
    const ids = { origin: peer.id, destination: node.core.id, previous: NIL_UUID };
    const payload = out.take().slice(HEADER_BYTES);
    writeOutboundMessage(peer.out, { ...ids, message: payload }, MessageKind.Outbound, 1);
    if (i % 500 === 0) network.run(50);
  }
  network.run(2_000);
  assertEquals(bob.messages.length, most);
  const receipts = peer.got(FrameType.Receipt, ReceiptKind.ToServer)
    .flatMap(({ payload }) => readServerReceipts(payload).receipts);
  assertEquals(receipts.map(({ code }) => code), [ErrorCode.RecipientBusy]);
});
