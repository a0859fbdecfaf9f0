/**
 * Servers and clients of a network with keys: links, rotation, revocation and expiry while they run, and rogues who
 * want to have tokens.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  Capability,
  ErrorCode,
  FrameType,
  type NetlabError,
  readError,
  Registration,
  writeInformationResponse,
  writePeerRegistration,
  writeToken,
} from "@netlab/protocol";
import { P2pClient, type P2pClientOptions } from "@netlab/p2p/client";
import { addKey, removeKey } from "@netlab/p2p/keys";
import { P2pServer } from "@netlab/p2p/server";
import { RttClient } from "@netlab/rtt/client";
import { RttServer } from "@netlab/rtt/server";
import {
  assertFails,
  eventually,
  Inbox,
  nextMessage,
  RawParty,
  storageTest as test,
} from "../network.ts";
import { admitted, answerTo, inSeconds, KeyFiles, OFFICE, present } from "./test_network.ts";
import { isToken, Rogue, roguesWith } from "./rogue.ts";

/** Collects what a server logs, as one text. */
function logger() {
  const lines: string[] = [];
  const log = (message: string, properties?: Record<string, unknown>) => {
    lines.push(`${message} ${JSON.stringify(properties ?? {})}`);
  };
  return { lines, debug: log, info: log, warn: log, error: log };
}

async function connect(
  files: KeyFiles,
  name: string,
  servers: { address: string }[],
  options: Partial<P2pClientOptions> = {},
): Promise<P2pClient> {
  const token = await files.token({ sub: name });
  return await P2pClient.connect({
    name,
    token,
    servers: servers.map(({ address }) => address),
    ...options,
  });
}

test("servers with tokens link, and their users write to each other", async () => {
  for (const algorithm of ["HS256", "EdDSA"] as const) {
    using files = await KeyFiles.create(algorithm);
    await using one = await files.listen();
    await using two = await files.listen({ name: "two", peers: [one.address] });
    await using three = await files.listen({ name: "three", peers: [two.address] });
    await using alice = await connect(files, "Alice", [one]);
    await using bob = await connect(files, "Bob", [three]);
    await eventually("the links", () => one.peers().length === 2 && one.users().includes("Bob"));
    await alice.send("Bob", "hello");
    assertEquals((await nextMessage(bob)).text, "hello");
    assertEquals((await alice.users()).sort(), ["Alice", "Bob"]);
    assertEquals((await alice.servers()).length, 3);
    assertEquals(one.network, OFFICE);
  }
});

test("the network is named by the keys, and another name is an error", async () => {
  using files = await KeyFiles.create();
  const keys = files.path("keys.json");
  const fails = async (options: Parameters<typeof P2pServer.listen>[0], what: string) => {
    const error = await P2pServer.listen(options).then(() => undefined, (error) => error);
    assert(error instanceof TypeError, `${what}: ${error}`);
    assertStringIncludes(error.message, what);
  };
  await fails({ keys, network: "home" }, "its keys are for office");
  await fails({ tokenFile: files.path("keys.json") }, 'without "keys"');
  await fails({ revoked: files.path("revoked") }, 'without "keys"');
  const { keys: only } = files.set;
  const nameless = files.write("nameless.json", JSON.stringify({ keys: only }));
  await fails({ keys: nameless }, "--network NAME");
  await using server = await P2pServer.listen({ keys: nameless, network: OFFICE });
  await using _ = await admitted(server, await files.token());
});

test("server without a token, or with a bad one, gets no link", async () => {
  using files = await KeyFiles.create();
  const log = logger();
  await using one = await files.listen({ logger: log });
  const open = logger();
  await using stranger = await P2pServer.listen({
    network: OFFICE,
    peers: [one.address],
    logger: open,
  });
  const keyed = logger();
  await using tokenless = await P2pServer.listen({
    keys: files.path("keys.json"),
    peers: [one.address],
    logger: keyed,
  });
  for (const { lines } of [open, keyed]) {
    await eventually("a reason", () => lines.some((line) => line.includes("token")));
  }
  // An older server registers without a word.
  await using older = await RawParty.connect(one);
  writePeerRegistration(older.out, {
    server: crypto.randomUUID(),
    address: "127.0.0.1:9",
    network: OFFICE,
  });
  assertEquals((await older.nextError()).code, ErrorCode.TokenRequired);
  for (const server of [one, stranger, tokenless]) assertEquals(server.peers(), []);
});

test("a server with keys sends its token to nobody who does not know what to do with it", async () => {
  using files = await KeyFiles.create();
  const words = [Capability.Session, Capability.Peer, "echo"];
  const rogues = [
    roguesWith(...words, `network=${OFFICE}`),
    roguesWith(...words, "tokens", "network=home"),
    roguesWith(...words, "tokens"),
    roguesWith(),
  ];
  const log = logger();
  const own = await files.token({ sub: "one", role: "server" });
  files.write("one.token", own);
  await using server = await files.listen({
    peers: rogues.map(({ address }) => address),
    logger: log,
    legacy: false,
  });
  await using client = await connect(files, "Alice", [server]);
  for (const rogue of rogues) {
    await eventually("a visit", () => rogue.frames.length > 0);
    const code = rogue === rogues[0] ? ErrorCode.Unsupported : ErrorCode.OtherNetwork;
    await assertFails(connect(files, "Bob", [rogue]), code);
  }
  await eventually("reasons", () => log.lines.filter((each) => each.includes("link")).length >= 3);
  assertEquals(rogues.map(({ tokens }) => tokens), [0, 0, 0, 0]);
  assertEquals(server.peers(), []);
  assertEquals(server.users(), ["Alice"]);
  assert(!log.lines.join().includes(own));
  assert(client.server);
  for (const rogue of rogues) await rogue[Symbol.asyncDispose]();
});

test("a server with keys does not link with one of a version that signs nothing", async () => {
  using files = await KeyFiles.create();
  const words = [Capability.Session, Capability.Peer, Capability.Tokens, `network=${OFFICE}`];
  await using older = roguesWith(...words);
  const log = logger();
  await using server = await files.listen({ peers: [older.address], logger: log });
  await eventually("a reason", () => log.lines.find((line) => line.includes("link.refused")));
  assertStringIncludes(log.lines.join("\n"), "update the other server");
  assertEquals([older.tokens, server.peers()], [0, []]);
  // It registers with its token, as such a server does.
  await using party = await admitted(server, await files.token({ sub: "two", role: "server" }));
  writePeerRegistration(party.out, {
    server: crypto.randomUUID(),
    address: older.address,
    network: OFFICE,
  });
  const refusal = await eventually("a refusal", () => {
    return party.frames.find(({ type }) => type === FrameType.Error);
  });
  const { code, fatal } = readError(refusal!);
  assertEquals([code, fatal], [ErrorCode.SignatureRequired, true]);
  await party.ended;
});

test("a dialled server that shows no token, or not one of a server, gets no link", async () => {
  using files = await KeyFiles.create();
  const tokens = [
    "",
    "a.b.c",
    await files.token({ role: "user" }),
    await files.token({ role: "server", aud: "home" }),
    await files.token({ role: "server", exp: inSeconds(-60) }),
  ];
  for (const token of tokens) {
    await using rogue = new Rogue((party, frame, { address }) => {
      if (frame.type === FrameType.InformationRequest) {
        writeInformationResponse(party.out, frame.subtype, [
          Capability.Peer,
          Capability.Tokens,
          Capability.Signed,
          `network=${OFFICE}`,
        ]);
      }
      if (!isToken(frame)) return;
      writeToken(party.out, token);
      writePeerRegistration(party.out, {
        server: crypto.randomUUID(),
        address,
        network: OFFICE,
      });
    });
    const log = logger();
    await using server = await files.listen({ peers: [rogue.address], logger: log });
    await eventually("a token", () => rogue.tokens > 0);
    await eventually(
      "the end",
      () => log.lines.some((line) => /link\.refused|refused what/.test(line)),
    );
    assertEquals(server.peers(), []);
    const sent = rogue.frames.filter(({ type, subtype }) =>
      type === FrameType.Registration && subtype === Registration.Peer
    );
    assertEquals(sent, [], "it must not register");
  }
});

test("a server with keys does not look at the default ports", async () => {
  using files = await KeyFiles.create();
  await using rogue = roguesWith(Capability.Peer, "tokens", `network=${OFFICE}`);
  await using named = roguesWith();
  await using server = await files.listen({
    defaultPeers: [rogue.address],
    peers: [named.address],
  });
  await eventually("a visit", () => named.frames.length > 0);
  assertEquals(rogue.frames.length, 0);
  assertEquals(server.peers(), []);
});

test("keys rotate while servers run: old and new keys are valid together", async () => {
  for (const algorithm of ["HS256", "EdDSA"] as const) {
    using files = await KeyFiles.create(algorithm);
    const log = logger();
    await using server = await files.listen({ logger: log });
    await using alice = await connect(files, "Alice", [server]);
    const [first] = files.set.keys;
    const older = files.set;
    files.set = await addKey(files.set);
    const token = await files.token({ sub: "Bob" });
    await using early = await present(server, token);
    assertEquals((await answerTo(early) as NetlabError).code, ErrorCode.TokenInvalid);
    files.writeKeys();
    await eventually("the new key", () => log.lines.some((line) => line.includes("reloaded")));
    await using bob = await P2pClient.connect({ name: "Bob", token, servers: [server.address] });
    await using _ = await admitted(server, await files.token({}, first!));

    // A file that cannot be used changes nothing.
    for (const broken of ["{", '{"keys":[]}', JSON.stringify(older).slice(0, -9)]) {
      const before = log.lines.length;
      files.write("keys.json", broken);
      await eventually(
        "an error",
        () => log.lines.slice(before).some((l) => l.includes("stay in")),
      );
    }
    await using _again = await admitted(server, token);

    // Without the old key, whoever has a token of it must go.
    files.set = removeKey(files.set, first!.kid!);
    files.writeKeys();
    await assertFails(new Inbox(alice).ended, ErrorCode.TokenInvalid);
    await eventually("Bob alone", () => server.localUsers().join() === "Bob");
    assert(bob.server);
  }
});

test("a revoked token, or a revoked user, loses its connection within seconds", async () => {
  using files = await KeyFiles.create();
  await using one = await files.listen();
  await using two = await files.listen({ name: "two", peers: [one.address] });
  await eventually("the link", () => two.peers().length === 1);
  const alice = await admitted(one, await files.token({ jti: "first" }));
  await using other = await admitted(one, await files.token({ jti: "second" }));
  await using bob = await admitted(one, await files.token({ sub: "Bob" }));
  await using eye = await admitted(two, await files.token({ sub: "eye", role: "observer" }));
  files.write("revoked", "# the laptop was lost\n\njti first\n");
  assertEquals((await alice.nextError()).code, ErrorCode.TokenRevoked);
  await alice.ended;
  files.write("revoked", "jti first\nsub Bob\nsub eye\n");
  for (const party of [bob, eye]) {
    assertEquals((await party.nextError()).code, ErrorCode.TokenRevoked);
  }
  await using again = await present(one, await files.token({ sub: "Bob" }));
  assertEquals((await answerTo(again) as NetlabError).code, ErrorCode.TokenRevoked);
  assertEquals(other.frames, []);
  files.write("revoked", "sub one\n");
  await eventually("no link", () => two.peers().length === 0);
});

test("a line that nobody can read does not keep the others from being revoked", async () => {
  using files = await KeyFiles.create();
  const log = logger();
  await using server = await files.listen({ logger: log });
  await using alice = await admitted(server, await files.token({ jti: "first" }));
  files.write("revoked", "everyone\njti first\n");
  assertEquals((await alice.nextError()).code, ErrorCode.TokenRevoked);
  assert(log.lines.some((line) => line.includes("line 1 of")));
  // At start, it is an error.
  await files.listen({ name: "two" }).then(
    () => assert(false),
    (error) => assertStringIncludes(error.message, "line 1 of"),
  );
});

test("a token that expires ends its connection, and a renewed one is used", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  // It is still tolerated for three seconds.
  let token = await files.token({ exp: inSeconds(-3) });
  const states: string[] = [];
  await using alice = await P2pClient.connect({
    name: "Alice",
    servers: [server.address],
    token: () => token,
    onStatus: (status) => {
      states.push(status.state === "reconnecting" ? status.reason : status.state);
    },
  });
  await using party = await admitted(server, token);
  token = await files.token();
  assertEquals((await party.nextError()).code, ErrorCode.TokenExpired);
  await party.ended;
  await eventually("she is back", () => states.filter((each) => each === "connected").length === 2);
  assertStringIncludes(states[1]!, "it has expired at");
  await alice.send("Alice", "still here");
});

test("a token that is not renewed ends the client with its code", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  const token = await files.token({ exp: inSeconds(-3) });
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address], token });
  await assertFails(new Inbox(alice).ended, ErrorCode.TokenExpired);
});

test("a link ends with the token of a server, and comes back with a new one", async () => {
  using files = await KeyFiles.create();
  await using one = await files.listen();
  files.write("two.token", await files.token({ sub: "two", role: "server", exp: inSeconds(-2) }));
  const log = logger();
  await using two = await files.listen({ name: "two", peers: [one.address], logger: log });
  const links = () => log.lines.filter((line) => line.includes("link.up")).length;
  await eventually("the link", () => links() === 1);
  files.write("two.token", await files.token({ sub: "two", role: "server" }));
  await eventually("the next link", () => links() === 2 && two.peers().length === 1);
  assert(log.lines.some((line) => line.includes("tokens.reloaded")));
});

test("client without a token, or with a wrong one, learns why", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen({ system: RttServer });
  const servers = [server.address];
  const wrong: [Partial<P2pClientOptions>, number][] = [
    [{}, ErrorCode.TokenRequired],
    [{ token: "words" }, ErrorCode.TokenInvalid],
    [{ token: await files.token({ sub: "Bob" }) }, ErrorCode.TokenForOtherName],
    [{ token: await files.token({ exp: inSeconds(-60) }) }, ErrorCode.TokenExpired],
    [{ token: await files.token({ aud: "home" }) }, ErrorCode.OtherNetwork],
    [
      { token: await files.token({ aud: "home" }), network: OFFICE },
      ErrorCode.TokenForOtherNetwork,
    ],
    [{ token: await files.token({ role: "observer" }) }, ErrorCode.NotPermitted],
    [{ token: await files.token({ role: "server" }) }, ErrorCode.NotPermitted],
  ];
  for (const [options, code] of wrong) {
    const given = { name: "Alice", servers, ...options };
    const error = await assertFails(P2pClient.connect(given), code);
    assertStringIncludes(error.message, "annot");
    // With several servers, the reason is not lost among those that do not run.
    if (code === ErrorCode.OtherNetwork) continue;
    await assertFails(P2pClient.connect({ ...given, servers: ["127.0.0.1:1", ...servers] }), code);
  }
  await assertFails(RttClient.connect({ name: "Alice", servers }), ErrorCode.TokenRequired);
});

test("rtt client measures, chooses and moves with its token", async () => {
  using files = await KeyFiles.create();
  await using one = await files.listen({ system: RttServer });
  await using two = await files.listen({ name: "two", system: RttServer, peers: [one.address] });
  await eventually("the link", () => two.peers().length === 1);
  await using alice = await RttClient.connect({
    name: "Alice",
    servers: [one.address],
    token: await files.token(),
  });
  await eventually(
    "both",
    () => alice.round?.servers.every(({ trouble }) => !trouble) && alice.knownServers.length === 2,
  );
  await alice.moveTo(alice.server === one.address ? two.address : one.address);
  await alice.send("Alice", "moved");
});
