/**
 * Servers of a network with keys prove their own keys, on real sockets and with real signatures.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  ErrorCode,
  type Frame,
  FrameType,
  NetlabError,
  readStatement,
  UserKind,
  writePresenceChanges,
} from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import type { P2pServer } from "@netlab/p2p/server";
import { ServerKey } from "../../../p2p/server/tokens/server_key.ts";
import { Process } from "../../processes.ts";
import { assertFails, eventually, nextMessage, RawParty, storageTest as test } from "../network.ts";
import { SignedPeer } from "../core/signed_peer.ts";
import { answerTo, KeyFiles, OFFICE, present } from "./test_network.ts";

/** Links a server that the test controls to a real one. */
async function link(
  { port }: { port: number },
  signing: ServerKey,
  token: string,
  onFrame: (frame: Frame) => void = () => {},
): Promise<{ party: RawParty; peer: SignedPeer }> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const party = new RawParty(conn, (_, frame) => peer.received(frame));
  const peer = new SignedPeer(party.out, signing, OFFICE, "127.0.0.1:9", token);
  peer.onFrame = onFrame;
  peer.begin();
  return { party, peer };
}

function linkedIds(server: P2pServer): string[] {
  return server.peers().filter(({ hops }) => hops === 1).map(({ id }) => id);
}

test("a server between two others cannot speak for them, and loses only its own link", async () => {
  using files = await KeyFiles.create("EdDSA");
  await using first = await files.listen({ name: "first" });
  await using second = await files.listen({ name: "second", peers: [first.address] });
  await using far = await files.listen({ name: "far" });
  await eventually("a link", () => linkedIds(first).includes(second.id));
  const token = await files.token({ sub: "middle", role: "server" });
  const signing = ServerKey.create();
  const pass = (to: () => SignedPeer | undefined, kept: Frame[]) => (frame: Frame) => {
    const { type, subtype } = frame;
    if (type === FrameType.Message) to()?.out.forward(frame, 2);
    if (type !== FrameType.Statement) return;
    if (subtype === 0) kept.push(frame.copy());
    to()?.out.forward(frame, subtype === 0 ? 0 : 2);
  };
  const [fromFirst, fromFar]: [Frame[], Frame[]] = [[], []];
  const links: { here?: SignedPeer } = {};
  const one = await link(far, signing, token, pass(() => links.here, fromFar));
  await using _one = one.party;
  const there = one.peer;
  const bob = await P2pClient.connect({
    name: "Bob",
    servers: [first.address],
    token: await files.token({ sub: "Bob" }),
  });
  await using _bob = bob;
  await using ann = await P2pClient.connect({
    name: "Ann",
    servers: [far.address],
    token: await files.token({ sub: "Ann" }),
  });
  await eventually("its users", () => fromFar.some((frame) => inner(frame)[1] === 1));
  const other = await link(first, signing, token, pass(() => there, fromFirst));
  await using _other = other.party;
  const here = links.here = other.peer;
  await eventually("the link", () => here.server !== undefined && linkedIds(first).length === 2);
  for (const frame of fromFar) here.out.forward(frame, 0);
  for (const frame of fromFirst) there.out.forward(frame, 0);
  here.announceLinks(far.id);
  there.announceLinks(first.id);
  await eventually("the users of both", () => {
    return [first, second, far].every((server) => server.users().sort().join() === "Ann,Bob");
  });
  const sent = await bob.send("Ann", "hello");
  assertEquals((await nextMessage(ann)).text, "hello");
  await sent.delivered;

  const { key, startedAt } = readStatement(fromFar[0]!.payload, false);
  const gone = { name: "Ann", kind: UserKind.Gone, session: far.id, since: 1 };
  const changes = { server: far.id, version: 2, changes: [gone] };
  here.say((out) => writePresenceChanges(out, changes), { key: key.slice(), startedAt });
  await eventually("the refusal", () => here.errors.length > 0);
  assertEquals(here.errors.map(({ code, fatal }) => [code, fatal]), [[
    ErrorCode.SignatureInvalid,
    true,
  ]]);
  await other.party.ended;
  await eventually("the end of its link", () => !linkedIds(first).includes(signing.id));
  assert(linkedIds(first).includes(second.id));
  assert(linkedIds(far).includes(signing.id), "the other server has no reason to end its link");
});

function inner(frame: Frame): Uint8Array {
  return readStatement(frame.payload, false).frames;
}

test("a token of a server is bound to its key: nobody else can use it", async () => {
  using files = await KeyFiles.create();
  const data = files.path("one");
  const serverKey = ServerKey.open(data);
  const token = await files.token({
    sub: "one",
    role: "server",
    cnf: { jkt: serverKey.thumbprint },
  });
  files.write("one.token", token);
  await using two = await files.listen({ name: "two" });
  {
    await using one = await files.listen({ name: "one", data, peers: [two.address] });
    await eventually("a link", () => linkedIds(two).includes(one.id));
    assert(one.id !== serverKey.id, "each start has another id");
  }
  // A program that has got the token, with a key of its own, and without one.
  const thief = await link(two, ServerKey.create(), token);
  await using _thief = thief.party;
  await eventually("the refusal", () => thief.peer.errors.length > 0);
  assertEquals(thief.peer.errors[0]!.code, ErrorCode.SignatureInvalid);
  await thief.party.ended;
  const error = await assertRejects(() => files.listen({ name: "one" }), TypeError);
  assertStringIncludes(error.message, "bound to the key of another server");
  assertEquals(linkedIds(two), []);
});

test("a token that is bound to something else than a server's key is refused", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  const jkt = ServerKey.create().thumbprint;
  const claims = [
    { role: "user", cnf: { jkt } },
    { role: "server", cnf: { jwk: { kty: "OKP" } } },
    { role: "server", cnf: { jkt: "x" } },
    { role: "server", cnf: null },
  ];
  for (const each of claims) {
    await using party = await present(server, await files.token(each));
    const answer = await answerTo(party);
    assert(answer instanceof NetlabError, JSON.stringify(each));
    assertEquals(answer.code, ErrorCode.TokenIncomplete);
  }
});

test("the key of a server stays in its data folder, for its owner only", async () => {
  using files = await KeyFiles.create();
  const data = files.path("one");
  const listen = () => files.listen({ name: "one", data });
  const key = `${data}/server.key`;
  await (await listen()).close();
  const before = Deno.readTextFileSync(key);
  if (Deno.build.os !== "windows") {
    assertEquals(Deno.statSync(key).mode! & 0o777, 0o600);
    Deno.chmodSync(key, 0o640);
    await assertRejects(listen, Error, "chmod 600");
    Deno.chmodSync(key, 0o600);
  }
  Deno.removeSync(`${data}/server.pub`);
  await (await listen()).close();
  assertEquals(Deno.readTextFileSync(key), before);
  assert(!Deno.readTextFileSync(`${data}/server.pub`).includes(JSON.parse(before).d));
  Deno.writeTextFileSync(key, before.slice(0, 40));
  const error = await assertRejects(listen, Error, "contains no key of a server");
  assert(!error.message.includes(JSON.parse(before).x));
});

test("keys program creates the key of a server and a token that is bound to it", async () => {
  using files = await KeyFiles.create();
  const folder = files.folder.path;
  const keys = (...args: string[]) =>
    Process.run("p2p/keys.ts", args, {
      permissions: ["--allow-read=./data", "--allow-write=./data"],
    });
  const made = await keys("server", "--data", `${folder}/one`);
  assertEquals(made.code, 0, made.stderr.join());
  const key = Deno.readTextFileSync(files.path("one/server.key"));
  assert(!made.stdout.join().includes(JSON.parse(key).d));
  assertEquals((await keys("server", "--data", `${folder}/one`)).code, 0);
  assertEquals(Deno.readTextFileSync(files.path("one/server.key")), key, "it stays");
  const token = (...args: string[]) => {
    const names = ["--name", "one", "--keys", `${folder}/keys.json`];
    return keys("token", ...names, "--out", `${folder}/one.token`, ...args);
  };
  const bound = ["--role", "server", "--server-key"];
  const secret = await token(...bound, `${folder}/one/server.key`);
  assertEquals(secret.code, 1);
  assertStringIncludes(secret.stderr.join(), "server.pub");
  assertEquals((await token("--role", "user", "--server-key", `${folder}/one/server.pub`)).code, 2);
  const { code, stderr } = await token(...bound, `${folder}/one/server.pub`);
  assertEquals(code, 0, stderr.join());
  await using one = await files.listen({ name: "one", data: files.path("one") });
  await using two = await files.listen({ name: "two", peers: [one.address] });
  await eventually("a link", () => linkedIds(two).includes(one.id));
  const wrong = P2pClient.connect({
    name: "one",
    servers: [one.address],
    token: Deno.readTextFileSync(files.path("one.token")).trim(),
  });
  await assertFails(wrong, ErrorCode.NotPermitted);
});
