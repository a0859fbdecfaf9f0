import { assert, assertEquals } from "@std/assert";
import { ErrorCode, type NetlabError } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { assertFails, eventually, Inbox, within } from "../p2p/network.ts";
import { found, NatsNetwork, natsTest } from "./networks.ts";

const join = (name: string, ...servers: { address: string }[]) =>
  P2pClient.connect({ name, servers: servers.map(({ address }) => address) });

/**
 * Sends messages until one is refused because NATS cannot be reached. Those that were on their way when NATS failed
 * wait until it is back, and are delivered then.
 */
async function refusal(sender: P2pClient, recipient: string): Promise<NetlabError> {
  let refused: NetlabError | undefined;
  await eventually("a message is refused", async () => {
    sender.send(recipient, "on its way").catch((error) => refused ??= error);
    await new Promise((resolve) => setTimeout(resolve, 100));
    return refused;
  });
  assertEquals(refused!.code, ErrorCode.NetworkUnreachable, refused!.message);
  return refused!;
}

natsTest(
  "while NATS is gone, sends are refused and users stay, and nothing accepted is lost",
  async () => {
    await using network = await NatsNetwork.open();
    const [nats] = network.nats.servers;
    const one = await network.start();
    const two = await network.start();
    await found(one, two);
    await using alice = await join("Alice", one);
    await using bob = await join("Bob", two);
    const inbox = new Inbox(bob);
    await alice.send("Carol", "before");
    await nats!.kill();
    const { message } = await refusal(alice, "Bob");
    assert(message.includes("NATS"), message);
    await assertFails(join("Dave", one), ErrorCode.NetworkUnreachable);
    assertEquals([one.localUsers(), two.localUsers()], [["Alice"], ["Bob"]]);
    // Users of one server still reach each other with messages that nobody stores.
    await alice.post("Alice", "a note");
    const atAlice = new Inbox(alice);
    await eventually("the note arrives", () => atAlice.messages.length === 1);

    await nats!.restart();
    await found(one, two);
    await within(
      "Bob gets it",
      alice.send("Bob", "after").then(({ delivered }) => delivered),
    );
    assertEquals(inbox.from("Alice").filter((text) => text !== "on its way"), ["after"]);
    await using carol = await join("Carol", two);
    const atCarol = new Inbox(carol);
    await eventually("what was accepted before arrives", () => atCarol.messages.length > 0);
    assertEquals(atCarol.from("Alice"), ["before"]);
  },
);

natsTest(
  "a cluster goes on without one of three NATS servers, and refuses sends without two",
  async () => {
    await using network = await NatsNetwork.open(3);
    const { servers } = network.nats;
    const one = await network.start();
    const two = await network.start();
    await found(one, two);
    await using alice = await join("Alice", one);
    await using bob = await join("Bob", two);
    const inbox = new Inbox(bob);
    const accepted: string[] = [];
    const send = async (recipient: string, text: string) => {
      await alice.send(recipient, text);
      if (recipient === "Bob") accepted.push(text);
    };
    for (let number = 0; number < 20; number++) await send("Bob", `all ${number}`);
    await servers[0]!.kill();
    for (let number = 0; number < 20; number++) {
      await eventually("it is accepted", async () => {
        await send("Bob", `two ${number}`).catch(() => {});
        return accepted.at(-1) === `two ${number}`;
      });
    }
    await send("Carol", "stored by two");
    await servers[1]!.kill();
    await refusal(alice, "Bob");
    assertEquals([one.localUsers(), two.localUsers()], [["Alice"], ["Bob"]]);
    await servers[0]!.restart();
    await servers[1]!.restart();
    await eventually("sends are accepted again", async () => {
      await send("Bob", "again").catch(() => {});
      return accepted.at(-1) === "again";
    });
    await eventually(
      "everything accepted has arrived",
      () => inbox.from("Alice").includes("again"),
    );
    const arrived = inbox.from("Alice").filter((text) => accepted.includes(text));
    assertEquals(arrived, accepted);
    await using carol =
      (await eventually("Carol can register", () => join("Carol", two).catch(() => undefined)))!;
    const atCarol = new Inbox(carol);
    await eventually("it has arrived", () => atCarol.messages.length > 0);
  },
);
