import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { P2pClient, P2pServer } from "@netlab/p2p";
import { FaultProxy } from "@netlab/lab";
import { eventually, nextMessage, socketTest as test, within } from "../p2p/network.ts";
import { pattern, ProxiedTarget } from "./sockets.ts";

test("fault proxy without faults forwards bytes in both directions, and their ends", async () => {
  await using proxied = await ProxiedTarget.start();
  const { client, target } = await proxied.connect();
  const sent = pattern(3_000_000);
  const [, { bytes }] = await Promise.all([client.write(sent), target.readBytes(sent.length)]);
  assertEquals(bytes.length, sent.length);
  assert(bytes.every((byte, at) => byte === sent[at]), "bytes differ");

  await client.conn.closeWrite();
  assertEquals(await target.read(), "", "the client's end");
  await target.write("still open this way");
  assertEquals(await client.read(), "still open this way");
  await target.conn.closeWrite();
  assertEquals(await client.read(), "", "the target's end");
  await eventually("the connection is gone", () => proxied.proxy.connections === 0);
});

test("fault proxy delays each direction by its own latency, within the jitter", async () => {
  await using proxied = await ProxiedTarget.start({ seed: 7 });
  const { client, target } = await proxied.connect();
  proxied.proxy.set({ toTarget: { latencyMs: 40, jitterMs: 8 } });
  const there: number[] = [];
  const back: number[] = [];
  for (let round = 0; round < 20; round++) {
    let start = performance.now();
    await client.write("ping");
    assertEquals(await target.read(), "ping");
    there.push(performance.now() - start);
    start = performance.now();
    await target.write("pong");
    assertEquals(await client.read(), "pong");
    back.push(performance.now() - start);
  }
  // The machine delays both directions, so the other one is the control.
  there.sort((a, b) => a - b);
  back.sort((a, b) => a - b);
  assert(there[0]! >= 31.9 && there[0]! - back[0]! < 48, `${there}`);
  assert(there[19]! - there[0]! > 4, `no jitter: ${there}`);
  assert(back[0]! < 32, `${back}`);
});

test("fault proxy with jitter keeps bytes in order, and delays writes together", async () => {
  await using proxied = await ProxiedTarget.start({ seed: 3 });
  const { client, target } = await proxied.connect();
  proxied.proxy.set({ toTarget: { latencyMs: 100, jitterMs: 100, sliceBytes: 40 } });
  const sent = pattern(4_000);
  const start = performance.now();
  for (let at = 0; at < sent.length; at += 20) await client.write(sent.subarray(at, at + 20));
  const { bytes } = await target.readBytes(sent.length);
  assertEquals(bytes, sent);
  // Delays overlap: two hundred writes take much less than two hundred latencies.
  assert(performance.now() - start < 10_000, `${performance.now() - start} ms`);
});

for (const bytesPerSecond of [50_000, 2_000_000]) {
  test(`fault proxy lets ${bytesPerSecond} bytes a second through`, async () => {
    await using proxied = await ProxiedTarget.start();
    const { client, target } = await proxied.connect();
    proxied.proxy.set({ toClient: { bytesPerSecond } });
    const sent = pattern(bytesPerSecond * 0.6);
    // The rate is never higher. On a busy machine it may be lower, but not each time.
    await eventually("as much as it lets through", async () => {
      const start = performance.now();
      const [, { bytes }] = await Promise.all([target.write(sent), client.readBytes(sent.length)]);
      const rate = bytes.length / (performance.now() - start) * 1000;
      assertEquals(bytes.length, sent.length);
      assert(rate < 1.2 * bytesPerSecond, `${rate} bytes/s`);
      return rate > 0.8 * bytesPerSecond;
    });
  });
}

test("fault proxy slices bytes that came in one piece", async () => {
  await using proxied = await ProxiedTarget.start({ seed: 5 });
  const { client, target } = await proxied.connect();
  proxied.proxy.set({ toTarget: { sliceBytes: 8 } });
  const sent = pattern(400);
  await client.write(sent);
  const { bytes, reads } = await target.readBytes(400);
  assertEquals(bytes, sent);
  assert(reads > 10, `${reads} reads`);
});

test("fault proxy that stalls holds bytes and ends, with the connection open", async () => {
  await using proxied = await ProxiedTarget.start();
  const { client, target } = await proxied.connect();
  proxied.proxy.set({ toTarget: { stall: true } });
  await client.write("held");
  await client.conn.closeWrite();
  await target.write("the other way");
  assertEquals(await client.read(), "the other way");
  let came = "";
  const reading = target.read().then((text) => came = text);
  // Bytes in the other direction and back had time to overtake it.
  await target.write("again");
  assertEquals([await client.read(), came], ["again", ""]);
  proxied.proxy.set({ toTarget: {} });
  await within("what was held", reading);
  assertEquals([came, await target.read()], ["held", ""]);
});

test("fault proxy holds a limited number of bytes, and the sender waits", async () => {
  await using proxied = await ProxiedTarget.start();
  const { client, target } = await proxied.connect();
  proxied.proxy.set({ toTarget: { stall: true } });
  const total = 40_000_000;
  const piece = new Uint8Array(100_000);
  let written = 0;
  const writing = (async () => {
    for (; written < total; written += piece.length) await client.write(piece);
  })();
  let before = -1;
  await eventually("the sender waits", async () => {
    const waits = written === before;
    before = written;
    if (!waits) await new Promise((resolve) => setTimeout(resolve, 100));
    return waits;
  });
  // 1 MiB in the proxy, and the socket buffers of the operating system.
  assert(written < 20_000_000, `${written} bytes`);
  proxied.proxy.set({ toTarget: {} });
  const [, { bytes }] = await Promise.all([writing, target.readBytes(total)]);
  assertEquals(bytes.length, total);
});

test("fault proxy cuts connections with a reset, and accepts new ones", async () => {
  await using proxied = await ProxiedTarget.start();
  const { client, target } = await proxied.connect();
  proxied.proxy.cut();
  assertEquals(await Promise.all([client.readToReset(), target.readToReset()]), [0, 0]);
  const next = await proxied.connect();
  await next.client.write("through");
  assertEquals(await next.target.read(), "through");
});

test("fault proxy resets a connection when its limit has passed", async () => {
  await using proxied = await ProxiedTarget.start();
  const { client, target } = await proxied.connect();
  await client.write("not counted");
  assertEquals(await target.read(), "not counted");
  proxied.proxy.set({ toTarget: { limitBytes: 1_000 } });
  await client.write(pattern(5_000));
  const [received] = await Promise.all([target.readToReset(), client.readToReset()]);
  assertEquals(received, 1_000);
});

test("fault proxy forwards a reset", async () => {
  await using proxied = await ProxiedTarget.start();
  const { client, target } = await proxied.connect();
  await using behind = await FaultProxy.start({ target: proxied.proxy.address });
  const far = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(behind.address.split(":")[1]),
  });
  using _far = far;
  const near = await proxied.accept();
  behind.cut();
  assertEquals(await near.readToReset(), 0);
  await client.write("the other connection lives");
  assertEquals(await target.read(), "the other connection lives");
});

test("fault proxy in a partition holds everything until the heal", async () => {
  await using proxied = await ProxiedTarget.start();
  const { client, target } = await proxied.connect();
  proxied.proxy.partition();
  await client.write("from the client");
  await target.write("from the target");
  const newcomer = await proxied.knock();
  await newcomer.write("from the newcomer");
  const reads = { client: "", target: "", newcomer: "" };
  const reading = Promise.all([
    client.read().then((text) => reads.client = text),
    target.read().then((text) => reads.target = text),
    proxied.accept().then((party) => party.read()).then((text) => reads.newcomer = text),
  ]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(reads, { client: "", target: "", newcomer: "" });
  proxied.proxy.heal();
  await within("all that was held", reading);
  assertEquals(reads, {
    client: "from the target",
    target: "from the client",
    newcomer: "from the newcomer",
  });
});

test("fault proxy in a partition of one direction forwards the other", async () => {
  await using proxied = await ProxiedTarget.start();
  const { client, target } = await proxied.connect();
  proxied.proxy.set({ toClient: { latencyMs: 1 } });
  proxied.proxy.partition("toTarget", "refuse");
  await client.write("held");
  await target.write("passes");
  assertEquals(await client.read(), "passes");
  const refused = async () => await (await proxied.knock()).read();
  await assertRejects(refused, Deno.errors.ConnectionReset);
  proxied.proxy.heal();
  assertEquals(await target.read(), "held");
});

test("fault proxy resets a connection whose bytes it lost, and no others", async () => {
  await using proxied = await ProxiedTarget.start();
  const first = await proxied.connect();
  const second = await proxied.connect();
  proxied.proxy.set({ toTarget: { swallow: true } });
  await first.client.write("gone");
  await first.target.write("the other way");
  assertEquals(await first.client.read(), "the other way");
  proxied.proxy.set({ toTarget: {} });
  await first.client.write("after the hole");
  assertEquals(await first.target.readToReset(), 0);
  await second.client.write("whole");
  assertEquals(await second.target.read(), "whole");
});

test("fault proxy resets new connections while the target does not run", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const target = `127.0.0.1:${listener.addr.port}`;
  listener.close();
  await using proxy = await FaultProxy.start({ target });
  const port = Number(proxy.address.split(":")[1]);
  await assertRejects(async () => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.read(new Uint8Array(1));
  }, Deno.errors.ConnectionReset);
});

test("fault proxy refuses invalid options and faults", async () => {
  await assertRejects(() => FaultProxy.start({ target: "nowhere" }), TypeError);
  await using proxied = await ProxiedTarget.start();
  for (const faults of [{ latencyMs: -1 }, { bytesPerSecond: 0 }, { sliceBytes: NaN }]) {
    assertThrows(() => proxied.proxy.set({ toClient: faults }), RangeError);
  }
  const port = Number(proxied.proxy.address.split(":")[1]);
  await assertRejects(() => FaultProxy.start({ target: "127.0.0.1:9", port }), Error, "address");
});

test("fault proxy closes with waiting connections, and closes twice", async () => {
  await using proxied = await ProxiedTarget.start();
  const { client } = await proxied.connect();
  proxied.proxy.set({ toTarget: { latencyMs: 60_000 } });
  await client.write("delayed for a minute");
  proxied.proxy.partition();
  const hanging = await proxied.knock();
  await eventually("both are there", () => proxied.proxy.connections === 2);
  await within("closing", Promise.all([proxied.proxy.close(), proxied.proxy.close()]), 1_000);
  assertEquals(await Promise.all([client.readToReset(), hanging.readToReset()]), [0, 0]);
});

test("p2p servers lose their link in a partition and find it again at the heal", async () => {
  await using server = await P2pServer.listen();
  await using proxy = await FaultProxy.start({ target: server.address });
  // Nobody reaches the other server directly, so the only path is through the proxy.
  await using other = await P2pServer.listen({ advertise: "127.0.0.1:9", peers: [proxy.address] });
  const at = (port: number) => [`127.0.0.1:${port}`];
  await using alice = await P2pClient.connect({ name: "Alice", servers: at(server.port) });
  await using bob = await P2pClient.connect({ name: "Bob", servers: at(other.port) });
  await eventually("Bob is known", () => server.users().includes("Bob"));
  proxy.partition();
  await eventually(
    "the link is given up",
    () => server.peers().length + other.peers().length === 0,
  );
  proxy.heal();
  proxy.cut();
  await eventually("Bob is known again", () => server.users().includes("Bob"));
  await alice.send("Bob", "after the heal");
  assertEquals((await nextMessage(bob)).text, "after the heal");
});
