/**
 * What links and link states may cost a server, however many of them others make up.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  FrameType,
  LinkStateKind,
  NIL_UUID,
  readLinkState,
  UserKind,
  writeSessionRegistration,
} from "@netlab/protocol";
import { Topology } from "@netlab/p2p/core";
import { VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";
import { PAUSE_BYTES } from "../../../../p2p/core/connection/back_pressure.ts";
import { pureTest as test } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { stepsOf } from "../users/steps.ts";

const ADDRESS = "10.0.0.1:5001";

function invented(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
}

test("routes are computed seldom while others announce many changes, and at once for an own link", () => {
  const clock = { now: 1_000 };
  const topology = new Topology("a", clock);
  const count = 500;
  const all = Array.from({ length: count }, (_, n) => ({ server: `s${n}`, cost: 1 }));
  let version = 0;
  const announce = (server: string, links: { server: string; cost: number }[]) =>
    topology.apply({ server, version: ++version, address: `${server}:1`, links }, clock.now);
  announce("a", [{ server: "b", cost: 1 }]);
  announce("b", [{ server: "a", cost: 1 }, ...all]);
  for (const { server } of all) announce(server, [{ server: "b", cost: 1 }]);
  assertEquals(topology.routes().size, count + 1);
  const found = new Set<unknown>();
  for (let n = 0; n < 1_000; n++) {
    announce(`s${n % count}`, [{ server: "b", cost: 2 + n }]);
    found.add(topology.routes());
  }
  assert(found.size < 20, `routes were computed ${found.size} times in one moment`);
  clock.now += 100;
  assertEquals(topology.route("s0")!.cost, 1 + 2 + count);
  announce("a", []);
  assertEquals(topology.routes().size, 0);
});

/** What a link that comes up and goes down costs a server with so many users. */
function costOfFlap(users: number): number {
  const network = new VirtualNetwork();
  network.latency = () => 1;
  network.pieceOf = (most) => most;
  const node = new VirtualNode(network, ADDRESS);
  for (let n = 0; n < users; n++) {
    network.dial(`user:${n + 1}`, ADDRESS, {
      connected: (connection) => {
        connection.start({ frame() {} });
        writeSessionRegistration(connection.out, { name: `User ${n}`, session: network.uuid() });
      },
      failed: (reason) => {
        throw new Error(reason);
      },
    });
    network.run(1);
  }
  network.run(1_000);
  assertEquals(node.core.users.count, users);
  // The first one asks for all users.
  const flap = () => {
    network.run(375 - network.now % 250);
    const peer = new ScriptedPeer(network, node);
    network.run(20);
    peer.connection.abort();
    network.run(20);
  };
  flap();
  return stepsOf(flap);
}

test("a link that comes and goes costs no more steps among many users than among few", () => {
  const [few, many] = [costOfFlap(10), costOfFlap(1_000)];
  assert(many < few + 600, `${few} steps with 10 users, ${many} with 1,000`);
});

test("very many users of a server that is found are looked at piece by piece", () => {
  const network = new VirtualNetwork();
  const node = new VirtualNode(network, ADDRESS);
  const peer = new ScriptedPeer(network, node);
  const users = Array.from({ length: 5_000 }, (_, n) => ({
    name: `User ${n}`,
    kind: UserKind.Session,
    session: NIL_UUID,
    since: 0,
  }));
  const flush = node.core.flush.bind(node.core);
  const resolve = node.core.users.resolve.bind(node.core.users);
  const pieces: number[] = [];
  node.core.users.resolve = (names) => {
    const all = [...names];
    pieces.push(all.length);
    resolve(all);
  };
  const parts = 50;
  for (let part = 0; part < parts; part++) {
    peer.present(users.slice(100 * part, 100 * (part + 1)), { part, parts });
  }
  network.run(100);
  flush();
  assertEquals(node.users().length, users.length);
  assertEquals(pieces.reduce((sum, size) => sum + size, 0), users.length);
  assert(Math.max(...pieces) <= 1_000, `${Math.max(...pieces)} names at once`);
});

test("link states wait for a link that takes no more, and only the newest of a server is sent", () => {
  const network = new VirtualNetwork();
  const node = new VirtualNode(network, ADDRESS);
  const hostile = new ScriptedPeer(network, node, "10.0.9.1:5001");
  const slow = new ScriptedPeer(network, node, "10.0.9.2:5001");
  network.run(6_000);
  slow.connection.pause();
  const servers = Array.from({ length: 300 }, (_, n) => invented(n));
  hostile.announceLinks(...servers);
  const links = [{ server: hostile.id, cost: 1 }];
  const address = "10.0.9.3:5001";
  const versions = 60;
  for (let version = 1; version <= versions; version++) {
    // With many links, so that they are long.
    const more = servers.slice(0, 40).map((server) => ({ server, cost: version }));
    for (const server of servers) {
      hostile.announce({ server, version, address, links: [...links, ...more] });
    }
    network.run(100);
  }
  const toSlow = [...node.core.mesh.peers()].find(({ server }) => server === slow.id)!;
  assert(toSlow.out.length <= PAUSE_BYTES + 65_536, `${toSlow.out.length} bytes wait`);
  assertEquals([...node.core.mesh.peers()].length, 2);
  slow.connection.resume();
  network.run(2_000);
  const newest = new Map<string, number>();
  for (const { payload } of slow.got(FrameType.LinkState, LinkStateKind.Links)) {
    const { server, version } = readLinkState(payload);
    newest.set(server, Math.max(newest.get(server) ?? 0, version));
  }
  for (const server of servers) assertEquals(newest.get(server), versions, server);
});
