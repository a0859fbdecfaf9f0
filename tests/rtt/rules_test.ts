import { assert, assertEquals } from "@std/assert";
import {
  Capability,
  type Frame,
  FrameType,
  LinkStateKind,
  readPeerRegistration,
  Registration,
  writeHeartbeat,
  writeLinkState,
  writePeerRegistration,
} from "@netlab/protocol";
import { RttServer } from "@netlab/rtt/server";
import { socketTest as test } from "../kinds.ts";
import { eventually, type RawParty } from "../p2p/network.ts";
import { answerQuestion, OddServer } from "./odd_server.ts";

const OWN_ECHO_BYTES = 20;

/** A server that accepts links, and handles echoes with `echo`. */
function oddPeer(echo: (party: RawParty, frame: Frame) => void): OddServer {
  const id = crypto.randomUUID();
  const capabilities = [Capability.Session, Capability.Peer, Capability.Echo];
  return new OddServer({
    frame(party, frame, { address }) {
      if (answerQuestion(party, frame, [], capabilities)) return;
      if (frame.type === FrameType.Echo) return echo(party, frame);
      if (frame.type === FrameType.Registration && frame.subtype === Registration.Peer) {
        const { server } = readPeerRegistration(frame.payload);
        writePeerRegistration(party.out, { server: id, address });
        const links = [{ server, cost: 1 }];
        writeLinkState(party.out, { server: id, version: 1, address, links }, 0);
      } else if (frame.type === FrameType.LinkState && frame.subtype === LinkStateKind.Heartbeat) {
        writeHeartbeat(party.out);
      }
    },
  });
}

test("rtt server measures a peer that answers with empty echoes, and does not answer these", async () => {
  const lengths: number[] = [];
  await using peer = oddPeer((party, { payload }) => {
    lengths.push(payload.length);
    party.out.frame(FrameType.Echo, 0);
  });
  await using server = await RttServer.listen({ peers: [peer.address] });
  await eventually("it is measured", () => server.peers()[0]?.rttMs !== undefined);
  await eventually("it is measured again", () => lengths.length >= 7);
  assertEquals(lengths.filter((length) => length !== OWN_ECHO_BYTES), []);
  assert(server.peers()[0]!.rttMs! >= 0);
});

test("rtt server matches a peer's empty answer to the first echo that waits", async () => {
  let echoes = 0;
  await using peer = oddPeer((party) => {
    // The first echo gets no answer. The second comes five seconds later, and is answered.
    if (++echoes === 2) party.out.frame(FrameType.Echo, 0);
  });
  await using server = await RttServer.listen({ peers: [peer.address] });
  const rttMs = await eventually("it is measured", () => server.peers()[0]?.rttMs);
  assert(rttMs! >= 4_900, `${rttMs} ms`);
});

test("rtt server returns the echoes of a peer unchanged", async () => {
  const answers: string[] = [];
  let asked = false;
  await using peer = oddPeer((party, frame) => {
    const text = new TextDecoder().decode(frame.payload);
    if (frame.payload.length === OWN_ECHO_BYTES) party.out.forward(frame, 0);
    else answers.push(text);
    if (asked) return;
    asked = true;
    party.send(FrameType.Echo, 0, 0, 5, 0, 0, "hello");
  });
  await using _server = await RttServer.listen({ peers: [peer.address] });
  await eventually("it is answered", () => answers.length > 0);
  assertEquals(answers, ["hello"]);
});
