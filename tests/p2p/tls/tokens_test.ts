/**
 * Networks with keys whose servers use TLS, with real sockets, certificates and tokens.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Capability, dial, ErrorCode, isTlsAddress, TrustFile } from "@netlab/protocol";
import { OwnToken, P2pClient } from "@netlab/p2p/client";
import { RttClient } from "@netlab/rtt/client";
import { RttServer } from "@netlab/rtt/server";
import { assertFails, eventually, nextMessage, RawParty, storageTest } from "../network.ts";
import { KeyFiles, OFFICE } from "../tokens/test_network.ts";
import { keepingLogger, TestAuthority } from "./certificates.ts";

storageTest("servers and clients exchange their tokens inside TLS", async () => {
  using authority = new TestAuthority();
  using files = await KeyFiles.create();
  const tls = await authority.server();
  await using one = await files.listen(tls);
  const peers = [one.address];
  await using two = await files.listen({ ...tls, name: "two", system: RttServer, peers });
  await eventually("they are linked", () => two.peers().length === 1 && one.peers().length === 1);
  assert(isTlsAddress(one.address) && isTlsAddress(two.address));
  const { ca: tlsCa } = authority;
  const token = await files.token();
  await using alice = await P2pClient.connect({
    name: "Alice",
    servers: [one.address],
    tlsCa,
    token,
  });
  await using bob = await RttClient.connect({
    name: "Bob",
    servers: [two.address],
    tlsCa,
    token: () => files.token({ sub: "Bob" }),
  });
  const { delivered } = await alice.send("Bob", "Hello");
  assertEquals((await nextMessage(bob)).text, "Hello");
  await delivered;
  assertEquals((await alice.users()).sort(), ["Alice", "Bob"]);
  assertEquals((await alice.servers()).sort(), [one.address, two.address].sort());
  const none = P2pClient.connect({ name: "Eve", servers: [one.address], tlsCa });
  await assertFails(none, ErrorCode.TokenRequired);
  const untrusted = P2pClient.connect({ name: "Alice", servers: [one.address], token });
  await assertFails(untrusted, ErrorCode.TlsFailed);
});

storageTest("client gives another machine its token on a TLS connection only", async () => {
  using authority = new TestAuthority();
  using files = await KeyFiles.create();
  await using server = await files.listen(await authority.server());
  await using plain = await files.listen({ name: "two" });
  const token = await files.token();
  const own = new OwnToken(token);
  const words = new Set([Capability.Tokens, `${Capability.Network}=${OFFICE}`]);
  for (const { address } of [server, plain]) {
    const connection = await dial(address, undefined, { trust: new TrustFile(authority.ca) });
    try {
      // The same connection, as if it led to another machine.
      const elsewhere = own.for(address.replace("127.0.0.1", "192.0.2.7"), connection, words);
      if (isTlsAddress(address)) assertEquals(await elsewhere, token);
      else await assertFails(elsewhere, ErrorCode.NotEncrypted);
    } finally {
      connection.abort();
    }
  }
});

storageTest("server with keys and without TLS says that a client uses TLS", async () => {
  using files = await KeyFiles.create();
  const { logger, lines } = keepingLogger();
  await using server = await files.listen({ logger });
  // A long first message of TLS is a whole frame of an unknown type.
  await using party = await RawParty.connect(server);
  party.send(0x16, 3, 1, 0, 20, ...Array(300).fill(0));
  assertEquals((await party.nextError()).code, ErrorCode.TlsFailed);
  await party.ended;
  assertStringIncludes(lines.join("\n"), "it uses TLS");
});
