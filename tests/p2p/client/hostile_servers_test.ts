import { assert, assertEquals } from "@std/assert";
import {
  DisconnectKind,
  FrameType,
  Information,
  MessageKind,
  writeInformationRequest,
  writeMessage,
} from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { MessageQueue } from "../../../p2p/core/session/message_queue.ts";
import { Incoming } from "../../../p2p/core/session/incoming.ts";
import { pureTest } from "../../kinds.ts";
import {
  eventually,
  type RawParty,
  ScriptedServer,
  SilentServer,
  socketTest as test,
} from "../network.ts";

const ID = "3f2b8c1e-9d4a-4e57-8a61-0c5d7e9f1a2b";

pureTest("a queue is full with a thousand short messages, or with fewer long ones", () => {
  for (
    const [length, most] of [[10, 1_024], [8 * 1024, 1_024], [8 * 1024 + 1, 512], [65_000, 128]]
  ) {
    let isFull = false;
    const queue = new MessageQueue((full) => void (isFull = full));
    const message = { id: ID, sender: "A", recipient: "B", text: "x".repeat(length!) };
    const incoming = new Incoming(message, new Int32Array(4), false);
    let count = 0;
    for (; !isFull && count < 2_000; count++) queue.push(incoming);
    assertEquals(count, most);
    for (let left = count; left > 0; left--) queue.shift();
    assertEquals([isFull, queue.size, queue.length], [false, 0, 0]);
  }
});

test("p2p client stops reading from a server that asks and does not read the answers", async () => {
  let party: RawParty | undefined;
  await using server = new ScriptedServer((from) => void (party = from));
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  alice.send("Bob", "so that the test has the connection").catch(() => {});
  await eventually("the connection is known", () => party);
  party!.pause();
  let asked = 0;
  // The client stops when 64 KiB wait, and then the system takes no more from this side either.
  await eventually("the client stops reading", async () => {
    const waiting = party!.out.length;
    if (waiting < 1024 * 1024) {
      for (let i = 0; i < 100_000; i++) {
        writeInformationRequest(party!.out, Information.Capabilities);
      }
      asked += 100_000;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    return waiting > 0 && party!.out.length >= waiting && asked > 300_000;
  });
});

test("p2p client moves once, however often and where a server asks it to", async () => {
  await using silent = new SilentServer();
  const places = Array.from({ length: 5_000 }, (_, index) => `127.0.0.1:${index + 1}`);
  const list = new TextEncoder().encode([silent.address, ...places].join("\0").slice(0, 60_000));
  await using server = new ScriptedServer((party, frame) => {
    if (frame.type !== FrameType.Message) return;
    for (let i = 0; i < 50; i++) {
      party.out.frame(FrameType.Disconnect, DisconnectKind.MoveRequest, list);
    }
    writeMessage(
      party.out,
      { id: ID, sender: "Bob", recipient: "Alice", text: "after that" },
      MessageKind.Ephemeral,
    );
  });
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  alice.post("Bob", "begin");
  for await (const { text } of alice) {
    assertEquals(text, "after that");
    break;
  }
  assert(silent.connections <= 2, `${silent.connections} connections to one of them`);
});
