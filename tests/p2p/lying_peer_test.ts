/**
 * A lying peer on a real socket does not take over a user.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  Capability,
  FrameType,
  Information,
  LinkStateKind,
  PresenceKind,
  readNameClaim,
  UserKind,
  writeHeartbeat,
  writeInformationResponse,
  writeLinkState,
  writeNameClaim,
  writePeerRegistration,
  writePresenceSnapshot,
} from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { eventually, nextMessage, RawParty, socketTest as test } from "./network.ts";

test("a stranger that links itself and announces an older user takes over nobody", async () => {
  await using first = await P2pServer.listen();
  await using second = await P2pServer.listen({ peers: [first.address] });
  await eventually("a link", () => first.peers().length === 1 && second.peers().length === 1);
  await using bob = await P2pClient.connect({ name: "Bob", servers: [first.address] });
  await using ann = await P2pClient.connect({ name: "Ann", servers: [second.address] });
  for (const server of [first, second]) {
    const id = crypto.randomUUID();
    await using liar = new RawParty(
      await Deno.connect({ hostname: "127.0.0.1", port: server.port }),
      ({ out }, { type, subtype, payload }) => {
        if (type === FrameType.InformationRequest) {
          writeInformationResponse(out, Information.Capabilities, [
            Capability.Session,
            Capability.Peer,
            Capability.Claim,
          ]);
        } else if (type === FrameType.LinkState && subtype === LinkStateKind.Heartbeat) {
          writeHeartbeat(out);
        } else if (type === FrameType.Presence && subtype === PresenceKind.Claim) {
          const { to, from, name } = readNameClaim(payload);
          writeNameClaim(out, PresenceKind.Held, { to: from, from: to, name }, 1);
        }
      },
    );
    const address = "127.0.0.1:9";
    writePeerRegistration(liar.out, { server: id, address, network: server.network });
    const links = [{ server: server.id, cost: 1 }];
    writeLinkState(liar.out, { server: id, version: 1, address, links });
    await eventually(
      "both know the liar",
      () => [first, second].every((each) => each.peers().some((peer) => peer.id === id)),
    );
    const record = { kind: UserKind.Session, session: crypto.randomUUID(), since: 1 };
    const users = ["Bob", "Done"].map((name) => ({ ...record, name }));
    writePresenceSnapshot(liar.out, { server: id, version: 1, part: 0, parts: 1, users });
    await eventually(
      "both have heard the lie",
      () => [first, second].every((each) => each.users().includes("Done")),
    );
    for (const from of [bob, ann]) {
      const sent = await from.send("Bob", `from ${from.name}`);
      assertEquals((await nextMessage(bob)).text, `from ${from.name}`);
      await sent.delivered;
    }
  }
  assertEquals(bob.server, first.address);
});
