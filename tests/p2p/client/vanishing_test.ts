/**
 * Clients notice when their server is gone without a word, as after a power failure.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FaultProxy } from "@netlab/lab";
import { type ClientStatus, P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { RttClient } from "@netlab/rtt/client";
import { RttServer } from "@netlab/rtt/server";
import { eventually, nextMessage, socketTest as test } from "../network.ts";

/** Before the next request for the list of servers, which was all that a client noticed a silence by. */
const SOON_MS = 9_000;

const kinds = [["p2p", P2pClient, P2pServer], ["rtt", RttClient, RttServer]] as const;

for (const [kind, Client, Server] of kinds) {
  for (const what of ["bytes are lost in both directions", "only its answers are lost"]) {
    test(`${kind} client that is idle leaves a server soon when ${what}`, async () => {
      await using server = await Server.listen();
      await using other = await Server.listen({ peers: [server.address] });
      await using proxy = await FaultProxy.start({ target: server.address, seed: 1 });
      const servers = [proxy.address, other.address];
      await using alice = await Client.connect({ name: "Alice", servers });
      await alice.moveTo(proxy.address);
      const lost = { swallow: true };
      proxy.set({ toClient: lost, ...what.includes("both") && { toServer: lost } });
      const isElsewhere = () => ![undefined, proxy.address].includes(alice.server);
      await eventually("she is elsewhere", isElsewhere, SOON_MS);
      await alice.send("Alice", "hello");
      assertEquals((await nextMessage(alice)).text, "hello");
    });
  }
}

test("p2p client says that it waits for its server, and when the server answers again", async () => {
  const states: string[] = [];
  await using server = await P2pServer.listen();
  await using proxy = await FaultProxy.start({ target: server.address, seed: 2 });
  await using alice = await P2pClient.connect({
    name: "Alice",
    servers: [proxy.address],
    onStatus: (status: ClientStatus) => states.push(status.state),
  });
  proxy.set({ toClient: { stall: true } });
  const sent = alice.send("Bob", "hello");
  await eventually("she waits", () => states.includes("waiting"));
  proxy.set({ toClient: {} });
  await sent;
  await eventually("it answers", () => states.at(-1) === "connected");
  const [first, second] = states;
  assertEquals([first, second], ["connected", "waiting"]);
});

test("p2p client without messages that wait says nothing of a server that pauses, and stays", async () => {
  const states: string[] = [];
  await using server = await P2pServer.listen();
  await using proxy = await FaultProxy.start({ target: server.address, seed: 3 });
  await using alice = await P2pClient.connect({
    name: "Alice",
    servers: [proxy.address],
    onStatus: ({ state }: ClientStatus) => states.push(state),
  });
  // The pause ends when she has asked for a sign of life and still waits for it.
  proxy.set({ toClient: { stall: true } });
  await eventually("a second passes", async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    return true;
  });
  proxy.set({ toClient: {} });
  await alice.send("Alice", "hello");
  assertEquals(alice.server, proxy.address);
  assert(!states.includes("reconnecting"), states.join());
});
