/**
 * Clients that connect to a TLS port and do not finish their handshake.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { dial, TlsTerminator, TrustFile } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { LIMITS } from "@netlab/p2p/core";
import { P2pServer } from "@netlab/p2p/server";
import { eventually, within } from "../network.ts";
import { Handshakes } from "../../../p2p/server/tls/handshakes.ts";
import { pureTest, storageTest } from "../../kinds.ts";
import { keepingLogger, TestAuthority } from "./certificates.ts";

storageTest("open handshakes are limited in number and time, and delay nobody else", async () => {
  using authority = new TestAuthority();
  await using server = await P2pServer.listen(await authority.server());
  const most = LIMITS.handshakes.default;
  const stalled: Deno.TcpConn[] = [];
  const connect = async () => {
    stalled.push(await Deno.connect({ hostname: "127.0.0.1", port: server.port }));
  };
  const ended = (index: number) => stalled[index]!.read(new Uint8Array(8)).catch(() => null);
  try {
    await connect();
    const first = ended(0);
    let isFirstOpen = true;
    void first.then(() => isFirstOpen = false);
    for (let i = 1; i < most; i++) await connect();
    // An honest client needs a handshake of its own, so the oldest one ends, long before its deadline.
    assert(isFirstOpen);
    await using _ann = await P2pClient.connect({
      name: "Ann",
      servers: [server.address],
      tlsCa: authority.ca,
    });
    assertEquals(await within("the oldest ends", first), null);
    // The others end by themselves.
    const last = await within("the deadline of the last", ended(most - 1));
    assertEquals(last, null);
    assertEquals(server.localUsers(), ["Ann"]);
  } finally {
    for (const conn of stalled) conn.close();
  }
});

storageTest(
  "a client that has connected before the certificate is replaced gets the new one",
  async () => {
    using authority = new TestAuthority();
    using next = new TestAuthority();
    const { logger, lines } = keepingLogger();
    const { tlsCert, tlsKey } = await authority.server();
    await using server = await P2pServer.listen({ tlsCert, tlsKey, logger });
    const early = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const renewed = await next.create();
    await Deno.copyFile(renewed.key, tlsKey);
    await Deno.copyFile(renewed.cert, tlsCert);
    await eventually("the new one is in use", () => {
      return lines.some((line) => line.startsWith("the new certificate is in use"));
    });
    const caCerts = [await Deno.readTextFile(next.ca)];
    using conn = await Deno.startTls(early, { hostname: "127.0.0.1", caCerts });
    await within("the handshake", conn.handshake());
  },
);

/** A connection from a host that says nothing until it is closed. */
class SilentConn {
  readonly remoteAddr: { readonly hostname: string };
  isOpen = true;
  readonly #end = Promise.withResolvers<null>();

  constructor(hostname: string) {
    this.remoteAddr = { hostname };
  }

  read(): Promise<null> {
    return this.#end.promise;
  }

  close(): void {
    this.isOpen = false;
    this.#end.resolve(null);
  }
}

pureTest(
  "one open handshake more of a host than the limit ends the oldest one of that host",
  async () => {
    const terminator = () => {
      throw new Error("No client says anything");
    };
    const handshakes = new Handshakes({ terminator, opened() {}, failed() {} });
    const begin = (host: string) => {
      const conn = new SilentConn(host);
      handshakes.begin(conn as unknown as Deno.TcpConn);
      return conn;
    };
    const other = begin("10.0.0.2");
    const most = LIMITS.handshakesPerHost.default;
    const flood = Array.from({ length: most }, () => begin("10.0.0.1"));
    assert(flood.every(({ isOpen }) => isOpen));
    flood.push(begin("::ffff:10.0.0.1"));
    assertEquals(flood.filter(({ isOpen }) => !isOpen), [flood[0]!]);
    assert(other.isOpen);
    const local = Array.from({ length: most + 1 }, () => begin("127.0.0.1"));
    assert(local.every(({ isOpen }) => isOpen));
    await handshakes.close();
  },
);

storageTest("no client is lost when the certificate is replaced again and again", async () => {
  using authority = new TestAuthority();
  const trust = new TrustFile(authority.ca);
  const load = async () => {
    const { cert, key } = await authority.create();
    return { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
  };
  let terminator = new TlsTerminator(await load());
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) {
      serving.push(
        terminator.wrap(conn, new Uint8Array(0)).then(async (connection) => {
          await connection.handshake().catch(() => {});
          connection.close();
          await connection.ended;
        }),
      );
    }
  })();
  let isOver = false;
  let opened = 0;
  const visiting = Promise.all(Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const address = `tls://127.0.0.1:${listener.addr.port}`;
      const connection = await dial(address, undefined, { trust });
      assert(connection.isEncrypted);
      await within("the end", connection.run({ frame() {} }).catch(() => {}));
      opened++;
    }
  }));
  for (let i = 0; i < 20; i++) {
    const before = terminator;
    terminator = new TlsTerminator(await load());
    await before.close();
    await eventually("another client", () => opened > i);
  }
  isOver = true;
  await visiting;
  listener.close();
  await accepting;
  await Promise.all(serving);
  await terminator.close();
  assertEquals(serving.length, opened);
});
