import { assert, assertEquals } from "@std/assert";
import { Rounds } from "@netlab/rtt";
import { RttClient } from "@netlab/rtt/client";
import { RttServer } from "@netlab/rtt/server";
import { FaultProxy } from "@netlab/lab";
import { LegacyServer } from "../legacy.ts";
import { socketTest as test } from "../kinds.ts";
import { eventually, SilentServer, within } from "../p2p/network.ts";
import { oddEchoes } from "./odd_server.ts";
import { anyNetwork, roundsOf, stateOf } from "./rounds_of.ts";

/** Plain echoes over a socket of their own, to compare the prober with. */
class UnnumberedEchoes implements Disposable {
  readonly #conn: Deno.TcpConn;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    conn.setNoDelay(true);
  }

  static async connect(address: string): Promise<UnnumberedEchoes> {
    const [hostname, port] = address.split(":") as [string, string];
    return new UnnumberedEchoes(await Deno.connect({ hostname, port: Number(port) }));
  }

  /** Returns the round-trip time of one echo: milliseconds. */
  async ms(): Promise<number> {
    const start = performance.now();
    await this.#conn.write(Uint8Array.of(4, 0, 0, 0, 0, 0));
    for (let at = 0; at < 6;) at += (await this.#conn.read(new Uint8Array(6 - at)))!;
    return performance.now() - start;
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

test("measured time is within 1 ms or 5 % of a plain echo over a slow connection", async () => {
  await using server = await RttServer.listen();
  for (const latencyMs of [5, 20, 60]) {
    await using proxy = await FaultProxy.start({ target: server.address, seed: 1 });
    proxy.set({ toTarget: { latencyMs }, toClient: { latencyMs } });
    await using rounds = roundsOf(proxy.address);
    using echoes = await UnnumberedEchoes.connect(proxy.address);
    const added = 2 * latencyMs;
    const control: number[] = [];
    // Other work on the machine shows in the mean, and not in the lowest of ten rounds.
    await eventually(`${added} ms`, async () => {
      await rounds.measure();
      control.push(await echoes.ms());
      const { lowMs } = stateOf(rounds, proxy.address).times;
      assert(lowMs! >= added - 0.1, `${lowMs} ms for ${added}`);
      return lowMs! - Math.min(...control.slice(-10)) <= Math.max(1, 0.05 * added);
    });
  }
});

test("jitter shows in the mean and the percentile, and hardly in the lowest time", async () => {
  await using server = await RttServer.listen();
  await using proxy = await FaultProxy.start({ target: server.address, seed: 2 });
  proxy.set({ toClient: { latencyMs: 40, jitterMs: 20 } });
  // The control has the least latency of the other, without jitter. A busy machine slows down both.
  const LEAST_MS = 20;
  await using control = await FaultProxy.start({ target: server.address, seed: 3 });
  control.set({ toClient: { latencyMs: LEAST_MS } });
  await using rounds = roundsOf(proxy.address, control.address);
  await eventually("the lowest is near the least, and the others are not", async () => {
    await rounds.measure();
    const { lowMs, meanMs, p95Ms, jitterMs } = stateOf(rounds, proxy.address).times;
    assert(lowMs! >= LEAST_MS - 0.1, `lowest ${lowMs} ms`);
    const nearMs = lowMs! - stateOf(rounds, control.address).times.lowMs!;
    return nearMs < 6 && meanMs! - lowMs! > 8 && p95Ms! - lowMs! > 20 && jitterMs > 2;
  });
});

test("connections to servers stay open from round to round", async () => {
  await using server = await RttServer.listen();
  await using proxy = await FaultProxy.start({ target: server.address, seed: 3 });
  await using rounds = roundsOf(proxy.address);
  for (let round = 0; round < 5; round++) await rounds.measure();
  assertEquals(proxy.connections, 1);
});

test("server that falls silent is given up after three misses, and measured again when it is back", async () => {
  await using server = await RttServer.listen();
  await using proxy = await FaultProxy.start({ target: server.address, seed: 4 });
  await using rounds = roundsOf(proxy.address);
  await rounds.measure();
  proxy.set({ toClient: { stall: true } });
  const start = performance.now();
  await rounds.measure();
  const ms = performance.now() - start;
  assert(ms >= 2_900, `found out after ${ms} ms`);
  const { trouble, times } = stateOf(rounds, proxy.address);
  assertEquals(trouble, "no answer in time");
  // Three misses, and not more.
  assertEquals([times.lowMs, times.loss], [undefined, 3 / 8]);
  proxy.set({ toClient: {} });
  await rounds.measure();
  assertEquals(stateOf(rounds, proxy.address).trouble, undefined);
});

test("server that is late but not silent is kept, and its late answer counts", async () => {
  const held: (() => void)[] = [];
  let holds = false;
  await using server = oddEchoes((party, received) => {
    const frame = received.copy();
    const answer = () => party.out.forward(frame, 0);
    if (holds) held.push(answer);
    else answer();
  });
  await using rounds = new Rounds({}, {
    known: () => [server.address],
    // The server keeps sending to its user over another connection.
    heardAt: () => performance.now(),
    network: anyNetwork,
    done: () => {},
  });
  await rounds.measure();
  rounds.chooser.use(server.address);
  holds = true;
  const start = performance.now();
  const measuring = rounds.measure();
  await eventually("three are late", () => held.length === 4);
  assertEquals(stateOf(rounds, server.address).trouble, undefined);
  held.forEach((answer) => answer());
  assertEquals((await measuring).decision.kind, "kept");
  // The first echo took three seconds, counted from its own start.
  const { times } = stateOf(rounds, server.address);
  assert(times.loss >= 3 / 9, `${times.loss}`);
  assert(times.lastMs! >= 2_900 && times.lastMs! <= performance.now() - start);
});

test("server that was lost shows only printable text of its reason", async () => {
  await using server = await RttServer.listen();
  await using rounds = roundsOf(server.address);
  await rounds.measure();
  rounds.chooser.use(server.address);
  rounds.lose("Cannot go on: too\n\x1b[2Jbusy");
  assertEquals(stateOf(rounds, server.address).trouble, "too [2Jbusy");
});

test("legacy server is measured, and its load is unknown", async () => {
  await using old = new LegacyServer({ echoes: true });
  await using rounds = roundsOf(old.address);
  const { decision } = await rounds.measure();
  assertEquals(decision.server, old.address);
  const { load, times } = stateOf(rounds, old.address);
  assertEquals(load, undefined);
  assert(times.lowMs! > 0);
});

test("server reports how many users it has", async () => {
  await using server = await RttServer.listen();
  await using _alice = await RttClient.connect({ name: "Alice", servers: [server.address] });
  await using _bob = await RttClient.connect({ name: "Bob", servers: [server.address] });
  await using rounds = roundsOf(server.address);
  await rounds.measure();
  assertEquals(stateOf(rounds, server.address).load, 2);
});

test("rounds that are closed while they measure end at once", async () => {
  await using server = await RttServer.listen();
  await using proxy = await FaultProxy.start({ target: server.address, seed: 6 });
  let done = 0;
  const rounds = new Rounds({ roundMs: 20 }, {
    known: () => [proxy.address],
    heardAt: () => undefined,
    network: anyNetwork,
    done: () => done++,
  });
  await rounds.measure();
  proxy.set({ toClient: { stall: true } });
  rounds.start();
  const measuring = rounds.measure();
  // 900 ms is less than the time of a miss.
  await within("the end", Promise.all([rounds.close(), measuring]), 900);
  assertEquals(done, 1);
});

test("rounds choose a second after the first server was measured, and measure the others afterwards", async () => {
  await using server = await RttServer.listen();
  await using silent = new SilentServer();
  await using proxy = await FaultProxy.start({ target: server.address, seed: 7 });
  proxy.set({ toClient: { latencyMs: 300 } });
  let done = 0;
  await using rounds = new Rounds({}, {
    known: () => [silent.address, proxy.address, server.address],
    heardAt: () => undefined,
    network: anyNetwork,
    done: () => done++,
  });
  const { decision } = await within("a choice", rounds.choose(), 3_900);
  assertEquals(decision.server, server.address);
  assertEquals(stateOf(rounds, silent.address).trouble, "no answer yet");
  assertEquals(done, 1);
  await eventually("the round ends", () => done === 2);
  assertEquals(stateOf(rounds, silent.address).trouble, "no answer in time");
  assert(stateOf(rounds, proxy.address).times.lowMs! >= 300);
});
