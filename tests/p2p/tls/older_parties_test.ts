/**
 * Parties that cannot read `tls://`: older servers and legacy programs in a network with TLS.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  Capability,
  FrameType,
  Information,
  LinkStateKind,
  PeerAbility,
  readLinkState,
  readPeerRegistration,
  readServers,
  readSessionWelcome,
  Registration,
  writeInformationRequest,
  writeLegacyRegistration,
  writePeerRegistration,
} from "@netlab/protocol";
import { P2pServer } from "@netlab/p2p/server";
import { VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";
import { LegacyServer } from "../../legacy.ts";
import { ScriptedPeer } from "../core/scripted_peer.ts";
import { eventually, RawParty, socketTest } from "../network.ts";
import { pureTest } from "../../kinds.ts";

const TLS_ADDRESS = "tls://192.0.2.7:5001";

pureTest("an older server gets the addresses of servers with TLS as it can read them", () => {
  const network = new VirtualNetwork(1);
  const node = new VirtualNode(network, "10.0.0.1:5001", { peers: [] });
  const older = new ScriptedPeer(network, node, "10.0.9.1:5001");
  const newer = new ScriptedPeer(network, node, "10.0.9.2:5001", [Capability.Tls]);
  const source = new ScriptedPeer(network, node, "10.0.9.3:5001", [Capability.Tls]);
  network.run(500);
  const server = network.uuid();
  source.announce({ server, version: 1, address: TLS_ADDRESS, links: [] });
  network.run(500);
  const late = new ScriptedPeer(network, node, "10.0.9.4:5001");
  network.run(500);
  const addressFor = (peer: ScriptedPeer) =>
    peer.got(FrameType.LinkState, LinkStateKind.Links).map(({ payload }) => readLinkState(payload))
      .filter((state) => state.server === server).map(({ address }) => address);
  assertEquals(addressFor(older), ["192.0.2.7:5001"]);
  assertEquals(addressFor(newer), [TLS_ADDRESS]);
  assertEquals(addressFor(late), ["192.0.2.7:5001"]);
  for (const peer of [older, newer, source, late]) assert(node.core.topology.reaches(peer.id));
});

socketTest(
  "a server that is reached with TLS registers with older servers as they can read it",
  async () => {
    // TLS ends in front of this server.
    await using server = await P2pServer.listen({ advertise: TLS_ADDRESS });
    assertEquals(server.address, TLS_ADDRESS);
    const answerTo = async (abilities?: number) => {
      await using peer = await RawParty.connect(server);
      writePeerRegistration(peer.out, {
        server: crypto.randomUUID(),
        address: "192.0.2.8:5001",
        network: server.network,
        ...abilities !== undefined && { abilities },
      });
      return readPeerRegistration((await peer.next(FrameType.Registration)).payload);
    };
    assertEquals((await answerTo()).address, "192.0.2.7:5001");
    assertEquals((await answerTo(PeerAbility.Tls)).address, TLS_ADDRESS);
    await using ann = await RawParty.connect(server);
    ann.send(
      FrameType.Registration,
      Registration.Session,
      0,
      20,
      0,
      0,
      ...Array(16).fill(7),
      3,
      "Ann",
    );
    const welcome = readSessionWelcome((await ann.next(FrameType.Registration)).payload);
    assertEquals(welcome.address, "192.0.2.7:5001");
  },
);

socketTest("a legacy program is not told of servers that need TLS", async () => {
  await using server = await P2pServer.listen({ advertise: TLS_ADDRESS });
  const ask = async (party: RawParty) => {
    writeInformationRequest(party.out, Information.Servers);
    return readServers((await party.next(FrameType.InformationResponse)).payload);
  };
  await using legacy = await RawParty.connect(server);
  assertEquals(await ask(legacy), []);
  writeLegacyRegistration(legacy.out, "Old");
  await eventually("the user is registered", () => server.localUsers().length === 1);
  await using netlab = await RawParty.connect(server);
  writeInformationRequest(netlab.out, Information.Capabilities);
  await netlab.next(FrameType.InformationResponse);
  assertEquals(await ask(netlab), [TLS_ADDRESS]);
});

socketTest(
  "a server that needs TLS does not announce itself to a legacy server, and uses it",
  async () => {
    await using legacy = new LegacyServer();
    await using server = await P2pServer.listen({
      advertise: TLS_ADDRESS,
      peers: [legacy.address],
    });
    await using ann = await RawParty.connect(server);
    writeInformationRequest(ann.out, Information.Capabilities);
    await eventually("the legacy server is found", async () => {
      ann.frames.length = 0;
      writeInformationRequest(ann.out, Information.Servers);
      return readServers((await ann.next(FrameType.InformationResponse)).payload).length === 2;
    });
    assertEquals([...legacy.known].filter((port) => port !== legacy.port), []);
  },
);
