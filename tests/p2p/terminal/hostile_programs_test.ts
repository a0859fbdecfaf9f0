import { assert } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { ErrorKind, FrameType, Information, writeInformationRequest } from "@netlab/protocol";
import { repeated } from "../../growth.ts";
import { freePort } from "../../processes.ts";
import { assertTakesAtMost } from "../../timing.ts";
import { processTest as test, RawParty } from "../network.ts";
import { startClient, startServer } from "../programs.ts";

/** The longest texts that fit into a frame with all that goes with them, more or less. */
const LENGTH = 65_000;
const HARMLESS = repeated("x", LENGTH);
const HOSTILE = [
  repeated(" ", LENGTH),
  repeated(" ", LENGTH, "x"),
  repeated("\t \r", LENGTH, "x"),
  repeated("\n", LENGTH, "x"),
  repeated("\x1b[", LENGTH),
  repeated("{", LENGTH),
  repeated("e\u0301", LENGTH / 2),
];
/** A text with which an expression backtracks costs hundreds of times as much as another. */
const MOST = 100;

/** Asserts that no hostile text takes far longer than a harmless one of the same length. */
async function assertAllAlike(take: (text: string) => Promise<unknown>): Promise<void> {
  await take(HARMLESS); // what is loaded at the first one is not to count
  for (const text of HOSTILE) {
    const what = JSON.stringify(text.slice(0, 4));
    await assertTakesAtMost(MOST, what, () => take(text), () => take(HARMLESS));
  }
}

test("p2p server program handles an error of 65,000 characters as quickly as any other, whatever they are", async () => {
  const port = freePort();
  await using server = await startServer(port, port);
  await using party = await RawParty.connect({ port });
  await assertAllAlike(async (text) => {
    party.out.begin(FrameType.Error, ErrorKind.Recoverable);
    party.out.u16(1);
    party.out.text(text);
    party.out.end();
    writeInformationRequest(party.out, Information.Servers);
    await party.next(FrameType.InformationResponse);
  });
  assert(server.stdout.some((line) => line.includes(": xxx")), "the server logged nothing");
});

test("p2p client program shows a text of 65,000 characters as quickly as any other, whatever they are", async () => {
  await using server = await P2pServer.listen();
  await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
  await using alice = startClient("Alice", server.port);
  await alice.waitForError("connected to");
  let count = 0;
  await assertAllAlike(async (text) => {
    const next = `text ${++count} is shown`;
    await bob.send("Alice", text);
    await bob.send("Alice", next);
    await alice.waitFor(`Bob: ${next}`);
  });
});
