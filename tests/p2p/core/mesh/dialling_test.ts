/**
 * Which addresses a server dials that others have named, how many at a time, and how often.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { HostReach } from "@netlab/protocol";
import { type Context, LIMITS } from "@netlab/p2p/core";
import { pureTest } from "../../../kinds.ts";
import { Discovery } from "../../../../p2p/core/mesh/addresses/discovery.ts";

const {
  addresses,
  namedAddresses,
  dials,
  openDials,
  openUnprovenDials,
  dialsPerHost,
  failedDials,
} = LIMITS;

/** A discovery whose dials a test answers. */
class TestDiscovery {
  readonly context = {
    id: "self",
    address: "10.0.0.1:5001",
    now: 0,
    host: { random: () => 0.5 },
  } as unknown as Context;
  /** The dials that run. */
  readonly open: string[] = [];
  /** All dials. */
  readonly dialled: string[] = [];
  readonly linked = new Set<string>();
  readonly discovery: Discovery;

  constructor(peers: readonly string[] = []) {
    const probe = (address: string) => {
      this.open.push(address);
      this.dialled.push(address);
    };
    const isLinked = (server: string) => this.linked.has(server);
    this.discovery = new Discovery(
      this.context,
      { peers },
      probe,
      isLinked,
      () => true,
      () => true,
    );
  }

  /** Lets time pass. `failing` dials fail at the end of each step. */
  run(ms: number, failing = false): void {
    for (const end = this.context.now + ms; this.context.now < end;) {
      this.context.now += 250;
      this.discovery.tick();
      if (failing) this.fail();
    }
  }

  fail(): void {
    for (const address of this.open.splice(0)) this.discovery.failed(address);
  }

  succeed(): void {
    for (const address of this.open.splice(0)) {
      this.linked.add(address);
      this.discovery.linked(address, address);
    }
  }
}

function by(remoteHost: string, reach: HostReach = "private") {
  return { remoteHost, reach };
}

pureTest("a server dials few addresses of strangers at a time, and few on one host", () => {
  const one = new TestDiscovery();
  for (let port = 1; port <= 100; port++) {
    one.discovery.learn(`10.0.9.9:${port}`, by("10.0.0.2"), `${port}`);
  }
  one.run(5_000);
  assertEquals(one.open.length, dialsPerHost.default);

  const many = new TestDiscovery();
  for (let n = 1; n <= 100; n++) many.discovery.learn(`10.0.9.${n}:1`, by("10.0.0.2"), `${n}`);
  many.run(250);
  assertEquals(many.open.length, dials.default);
  many.run(5_000);
  assertEquals(many.open.length, openUnprovenDials.default);
});

pureTest("dials to addresses of strangers that fail become rare, those of one host more so", () => {
  const many = new TestDiscovery();
  for (let n = 0; n < namedAddresses.default; n++) {
    many.discovery.learn(`10.1.${n}.1:1`, by("10.0.0.2"), `${n}`);
  }
  many.run(60_000, true);
  assertLessOrEqual(many.dialled.length, failedDials.default + 60);
  assert(many.dialled.length >= failedDials.default, `${many.dialled.length}`);

  const one = new TestDiscovery();
  for (let port = 1; port <= namedAddresses.default; port++) {
    one.discovery.learn(`10.0.9.9:${port}`, by("10.0.0.2"), `${port}`);
  }
  one.run(600_000, true);
  assertLessOrEqual(one.dialled.length, 50);
});

pureTest("a burst of announcements from one host causes few dials, and a late one is heard", () => {
  const test = new TestDiscovery();
  for (let round = 0; round < 60; round++) {
    for (let port = 1; port <= 1_000; port++) {
      test.discovery.announced(`10.0.9.9:${port}`, by("10.0.9.9"));
    }
    test.run(1_000, true);
  }
  assertLessOrEqual(test.dialled.length, 60 + dialsPerHost.default + dials.default);
  test.dialled.length = 0;
  test.run(3_600_000, true);
  test.discovery.announced("10.0.9.9:6001", by("10.0.9.9"));
  test.run(5_000, true);
  assert(test.dialled.includes("10.0.9.9:6001"));
});

pureTest("servers that answer are dialled without delay, however many share a host", () => {
  const test = new TestDiscovery();
  for (let n = 1; n <= 200; n++) {
    test.discovery.learn(`10.0.9.9:${n}`, by("10.0.0.2"), `10.0.9.9:${n}`);
  }
  for (let step = 0; step < 100 && test.linked.size < 200; step++) {
    test.run(250);
    test.succeed();
  }
  assertEquals(test.linked.size, 200);
  assertLessOrEqual(test.context.now, 13_000);
});

pureTest("addresses where servers were found are dialled although those of strangers fail", () => {
  const test = new TestDiscovery();
  for (let n = 0; n < 200; n++) {
    test.discovery.learn(`10.2.${n}.1:1`, by("10.0.0.2"), `10.2.${n}.1:1`);
  }
  for (let step = 0; step < 100; step++) {
    test.run(250);
    test.succeed();
  }
  assertEquals(test.linked.size, 200);
  for (let n = 0; n < namedAddresses.default; n++) {
    test.discovery.learn(`10.9.9.9:${n + 1}`, by("10.0.0.2"), `s${n}`);
  }
  test.run(60_000, true);
  for (const server of [...test.linked]) {
    test.linked.delete(server);
    test.discovery.unlinked(server, server);
  }
  test.run(30_000);
  const open = test.open.filter((address) => address.startsWith("10.2.")).length;
  assert(open >= openDials.default - openUnprovenDials.default, `${open}`);
  assertLessOrEqual(test.open.length, openDials.default);
});

pureTest("the addresses that a server knows are limited: in all, and those of one host", () => {
  const test = new TestDiscovery();
  for (let n = 0; n <= namedAddresses.default; n++) {
    test.discovery.learn(`10.1.${n >> 8}.${n & 255}:1`, by("10.0.0.2"), `a${n}`);
  }
  test.run(3_600_000, true);
  assertEquals(new Set(test.dialled).size, namedAddresses.default);

  const all = new TestDiscovery();
  for (let n = 0; n <= addresses.default; n++) {
    all.discovery.learn(`10.1.${n >> 8}.${n & 255}:1`, by(`10.0.0.${n % 10}`), `a${n}`);
  }
  // A linked server has a place all the same.
  all.linked.add("late");
  all.discovery.linked("10.7.7.7:1", "late", by("10.7.7.7"));
  all.linked.delete("late");
  all.discovery.unlinked("late", "10.7.7.7:1");
  all.run(2 * 3_600_000, true);
  assert(all.dialled.includes("10.7.7.7:1"));
  // The own address counts, too.
  assertLessOrEqual(new Set(all.dialled).size, addresses.default);
});

pureTest("a server learns no address that reaches less far than the one that names it", () => {
  const hidden = ["127.0.0.1:1", "10.0.0.9:1", "192.168.1.1:80", "169.254.169.254:80", "[::1]:1"];
  hidden.push("[fd00::1]:1", "[fe80::1]:1", "0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1");
  const test = new TestDiscovery();
  for (const [n, address] of hidden.entries()) {
    test.discovery.learn(address, by("8.8.8.8", "public"), `${n}`);
    test.discovery.learn(address, by("8.8.8.8", "public"));
    test.discovery.announced(address, by("8.8.8.8", "public"));
    test.discovery.linked(address, `${n}`, by("8.8.8.8", "public"));
    test.discovery.unlinked(`${n}`, address);
  }
  test.run(600_000, true);
  assertEquals(test.dialled, []);
  // In a private network and on one machine, all is as it was.
  test.discovery.learn("10.0.0.9:1", by("10.0.0.2"), "a");
  test.discovery.learn("127.0.0.1:1", by("127.0.0.1", "machine"), "b");
  test.discovery.learn("8.8.4.4:1", by("8.8.8.8", "public"), "c");
  test.run(1_000);
  assertEquals(test.dialled.toSorted(), ["10.0.0.9:1", "127.0.0.1:1", "8.8.4.4:1"]);
});

pureTest("configured addresses share no budget with those of strangers", () => {
  const peers = Array.from({ length: 100 }, (_, n) => `10.3.0.${n}:1`);
  const test = new TestDiscovery(peers);
  for (let n = 0; n < 250; n++) test.discovery.learn(`10.0.9.9:${n + 1}`, by("10.0.0.2"), `${n}`);
  test.run(250);
  for (const peer of peers) assert(test.open.includes(peer), peer);
});
