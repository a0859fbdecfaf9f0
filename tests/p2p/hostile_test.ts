import { assert, assertEquals } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  Information,
  MessageKind,
  writeMessage,
  writePeerRegistration,
} from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { RttServer } from "@netlab/rtt/server";
import fc from "fast-check";
import { eventually, nextMessage, RawParty, socketTest as test, within } from "./network.ts";

const ID = "3f2b8c1e-9d4a-4e57-8a61-0c5d7e9f1a2b";

/** A server with a user who must not notice anything. */
async function serverWithUser(): Promise<
  { server: P2pServer; check(): Promise<void> } & AsyncDisposable
> {
  const server = await P2pServer.listen();
  const alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  return {
    server,
    async check() {
      await within("Alice can write", alice.send("Alice", "unharmed"), 2_000);
      assertEquals((await nextMessage(alice)).text, "unharmed");
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([alice.close(), server.close()]);
    },
  };
}

function frame(type: number, subtype: number, payload = ""): (number | string)[] {
  const { length } = new TextEncoder().encode(payload);
  return [type, subtype, length >> 8, length & 255, 0, 0, payload];
}

/** The payload of a batch of two messages. */
function batch(sender: string, recipient: string): string {
  const short = (text: string) => String.fromCharCode(text.length) + text;
  // Version and variant are the second bytes of two characters.
  return `count\u0080éids\0\0\0\x07${short(sender)}${short(recipient)}\0\x02\0\x03\0\x03onetwo`;
}

type Wrong = [what: string, code: number, bytes: (number | string)[]];

const fromUnregistered: Wrong[] = [
  ["a message", ErrorCode.NotRegistered, frame(3, 0, `${ID}\0Alice\0Alice\0Hello`)],
  ["a message that is none", ErrorCode.Malformed, frame(3, 1, "Hello")],
  ["a message of an unknown kind", ErrorCode.UnknownType, frame(3, 7, `${ID}\0A\0B\0Hello`)],
  ["an unknown type", ErrorCode.UnknownType, frame(200, 0, "?")],
  ["an echo, to a server that answers none,", ErrorCode.UnknownType, frame(4, 0, "echo")],
  ["a registration of an unknown kind", ErrorCode.UnknownType, frame(2, 9, "Bob")],
  ["half a registration", ErrorCode.Malformed, frame(2, 2, "short")],
  ["half a peer registration", ErrorCode.Malformed, frame(2, 3, "short")],
  ["a name that is none", ErrorCode.NameInvalid, frame(2, 2, `${"k".repeat(16)}\x02A\n`)],
  ["an announcement without a port", ErrorCode.Malformed, frame(1, 1, "no port")],
  ["presence", ErrorCode.NotRegistered, frame(8, 0, "x")],
  ["link state", ErrorCode.NotRegistered, frame(9, 0, "x")],
  ["receipts", ErrorCode.NotRegistered, frame(6, 1, "x")],
  ["a batch", ErrorCode.NotRegistered, frame(3, 4, batch("Alice", "Alice"))],
  ["half an error", ErrorCode.Malformed, frame(7, 0, "x")],
];
const fromUsers: Wrong[] = [
  ["a message in another name", ErrorCode.SenderMismatch, frame(3, 1, `${ID}\0Alice\0Bob\0Hello`)],
  ["a message that is none", ErrorCode.Malformed, frame(3, 1, `${ID}\0Mallory\0Bob`)],
  [
    "a message that is not UTF-8",
    ErrorCode.Malformed,
    [3, 1, 0, 51, 0, 0, `${ID}\0Mallory\0Bob\0`, 255, 254],
  ],
  ["a message without a UUID", ErrorCode.Malformed, frame(3, 1, `${"x".repeat(36)}\0M\0B\0Hello`)],
  [
    "a message to a name that is none",
    ErrorCode.NameInvalid,
    frame(3, 1, `${ID}\0Mallory\0 \0Hello`),
  ],
  ["a batch in another name", ErrorCode.SenderMismatch, frame(3, 4, batch("Alice", "Bob"))],
  ["a batch that is none", ErrorCode.Malformed, frame(3, 4, batch("Mallory", "Bob") + "!")],
  ["a batch to a name that is none", ErrorCode.NameInvalid, frame(3, 4, batch("Mallory", " "))],
  ["a second registration", ErrorCode.AlreadyRegistered, frame(2, 1, "Bob")],
  [
    "a registration as a server",
    ErrorCode.AlreadyRegistered,
    frame(2, 3, `${"k".repeat(16)}\x0b127.0.0.1:9`),
  ],
  ["presence", ErrorCode.NotRegistered, frame(8, 0, "x")],
  ["receipts that are none", ErrorCode.Malformed, frame(6, 0, "x")],
  ["receipts for another user", ErrorCode.UnknownType, frame(6, 1, "x")],
  ["receipts for a server", ErrorCode.UnknownType, frame(6, 2, "x")],
  [
    "an outbound message",
    ErrorCode.UnknownType,
    frame(3, 2, `${"k".repeat(32)}${ID}\0A\0B\0Hello`),
  ],
  ["a handed-off message", ErrorCode.UnknownType, frame(3, 3, `${"k".repeat(32)}${ID}\0A\0B\0`)],
  ["an unknown type", ErrorCode.UnknownType, frame(200, 0, "?")],
  ["a status request that is cut off", ErrorCode.Malformed, frame(10, 0, "?")],
  ["a status that nobody asked for", ErrorCode.UnknownType, frame(10, 1, "?")],
];

for (const [what, code, bytes] of fromUnregistered) {
  test(`p2p server answers ${what} from an unregistered connection with error ${code}`, async () => {
    await using setting = await serverWithUser();
    await using party = await RawParty.connect(setting.server);
    party.send(...bytes);
    const error = await party.nextError();
    assertEquals([error.code, error.fatal], [code, false], error.message);
    await setting.check();
    // The connection can still be used.
    party.send(...frame(0, Information.Capabilities));
    assertEquals((await party.next(FrameType.InformationResponse)).subtype, 2);
  });
}

for (const [what, code, bytes] of fromUsers) {
  test(`p2p server answers ${what} from a user with error ${code}`, async () => {
    await using setting = await serverWithUser();
    await using party = await RawParty.register(setting.server, "Mallory");
    party.send(...bytes);
    const error = await party.nextError();
    assertEquals([error.code, error.fatal], [code, false], error.message);
    await setting.check();
    const message = { id: ID, sender: "Mallory", recipient: "Mallory", text: "valid" };
    writeMessage(party.out, message, MessageKind.Ephemeral);
    await party.next(FrameType.Message);
    assertEquals(setting.server.localUsers().sort(), ["Alice", "Mallory"]);
  });
}

test("rtt server signs off only the connection's own user", async () => {
  await using server = await RttServer.listen();
  await using _alice = await RawParty.register(server, "Alice");
  await using mallory = await RawParty.register(server, "Mallory");
  await using unregistered = await RawParty.connect(server);
  mallory.send(...frame(5, 0, "Alice"));
  assertEquals((await mallory.nextError()).code, ErrorCode.SenderMismatch);
  unregistered.send(...frame(5, 0, "Alice"));
  assertEquals((await unregistered.nextError()).code, ErrorCode.NotRegistered);
  assertEquals(server.localUsers().sort(), ["Alice", "Mallory"]);
});

test("p2p server reports errors to a legacy user as plain text", async () => {
  await using setting = await serverWithUser();
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: setting.server.port });
  const message = `${ID}\0Bob\0Nobody\0Hello`;
  await conn.write(
    new TextEncoder().encode(
      `\x02\x01\0\x03\0\0Bob\x03\0\0${String.fromCharCode(message.length)}\0\0${message}`,
    ),
  );
  const buffer = new Uint8Array(1024);
  const count = await within("an answer", conn.read(buffer));
  assertEquals(
    new TextDecoder().decode(buffer.subarray(0, count!)),
    "netlab: Cannot deliver to Nobody: nobody of that name is on the network",
  );
  await setting.check();
});

test("p2p server survives any bytes from unregistered connections and from users", async () => {
  await using setting = await serverWithUser();
  const { server } = setting;
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 3_000 });
  for (const junk of fc.sample(bytes, { numRuns: 150, seed: 42 })) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await using party = new RawParty(conn);
    if (junk.length % 2 === 0) party.send(...frame(2, 2, `${"k".repeat(16)}\x03Bob`));
    party.out.raw(junk);
  }
  await setting.check();
  await eventually("all have gone", () => server.localUsers().length === 1);
  assertEquals(server.users(), ["Alice"]);
  assertEquals(server.peers(), []);
});

test("p2p server survives frames of every type with any payload", async () => {
  await using setting = await serverWithUser();
  const payload = fc.uint8Array({ maxLength: 400 });
  const frames = fc.tuple(fc.nat(11), fc.nat(4), payload);
  await using party = await RawParty.connect(setting.server);
  let ended = false;
  void party.ended.then(() => ended = true);
  for (const [type, subtype, content] of fc.sample(frames, { numRuns: 2_000, seed: 7 })) {
    // After a registration with 2/1 the connection carries text, in which the answer would not be found.
    if (type !== FrameType.Registration || subtype !== 1) party.out.frame(type, subtype, content);
  }
  party.send(...frame(0, 99));
  await eventually(
    "it was read to its end",
    () => ended || party.frames.some(({ subtype }) => subtype === 99),
  );
  await setting.check();
});

test("p2p server survives announced frames that never arrive", async () => {
  await using setting = await serverWithUser();
  const parties: RawParty[] = [];
  for (let count = 0; count < 50; count++) {
    const party = await RawParty.connect(setting.server);
    parties.push(party);
    party.send(3, 1, 0xff, 0xff, 0, 0, "x".repeat(60_000));
  }
  await setting.check();
  for (const party of parties) await party[Symbol.asyncDispose]();
  await setting.check();
});

for (
  const [what, type, subtype] of [
    ["a snapshot", FrameType.Presence, 0],
    ["changes", FrameType.Presence, 1],
    ["a digest", FrameType.Presence, 2],
    ["link state", FrameType.LinkState, 0],
    ["a message", FrameType.Message, 1],
    ["an outbound message", FrameType.Message, 2],
    ["a handed-off message", FrameType.Message, 3],
    ["a batch", FrameType.Message, 4],
    ["receipts", FrameType.Receipt, 1],
    ["receipts for a server", FrameType.Receipt, 2],
  ] as const
) {
  test(`p2p server closes a link on which ${what} cannot be read`, async () => {
    await using setting = await serverWithUser();
    const { server } = setting;
    await using other = await P2pServer.listen({ peers: [server.address] });
    await using peer = await RawParty.connect(server);
    const id = crypto.randomUUID();
    writePeerRegistration(peer.out, { server: id, address: "127.0.0.1:9" });
    await peer.next(FrameType.Registration);
    await eventually("the other is linked", () => server.peers().length >= 1);
    peer.out.frame(type, subtype, new TextEncoder().encode("rubbish"));
    const error = await peer.nextError();
    assertEquals([error.code, error.fatal], [ErrorCode.Malformed, true], error.message);
    await within("the end of the link", peer.ended);
    await eventually("the link is gone", () => server.peers().every((known) => known.id !== id));
    await setting.check();
    assert(other.users().includes("Alice"));
  });
}

test("p2p server answers a registration with a nil session key as malformed", async () => {
  await using setting = await serverWithUser();
  await using party = await RawParty.connect(setting.server);
  party.send(...frame(2, 2, `${"\0".repeat(16)}\x03Bob`));
  assertEquals((await party.nextError()).code, ErrorCode.Malformed);
  assertEquals(setting.server.localUsers(), ["Alice"]);
});
