/**
 * The map of the network and its routes, without any connection.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Topology } from "@netlab/p2p/core";
import fc from "fast-check";
import { pureTest } from "../../../kinds.ts";

/** Links as `a-b` or `a-b:cost`, announced by both ends; `a>b` is announced by `a` alone. */
function map(self: string, links: string): Topology {
  const states = new Map<string, { server: string; cost: number }[]>([[self, []]]);
  const announce = (from: string, to: string, cost: number) => {
    if (!states.has(from)) states.set(from, []);
    states.get(from)!.push({ server: to, cost });
  };
  for (const link of links.split(" ")) {
    const [, from, kind, to, cost] = /^(\w+)([->])(\w+)(?::(\d+))?$/.exec(link)!;
    announce(from!, to!, Number(cost ?? 1));
    if (kind === "-") announce(to!, from!, Number(cost ?? 1));
  }
  const topology = new Topology(self);
  for (const [server, links] of states) {
    topology.apply({ server, version: 1, address: `${server}:1`, links }, 0);
  }
  return topology;
}

function serversOn(topology: Topology): string[] {
  return [...topology.announcements()].map(({ state }) => state.server);
}

function routes(topology: Topology): Record<string, string> {
  return Object.fromEntries(
    [...topology.routes()].map(([server, { next, cost, hops }]) => [
      server,
      `${next} ${cost} ${hops}`,
    ]),
  );
}

pureTest("topology finds the cheapest route, not the one with the fewest links", () => {
  assertEquals(routes(map("a", "a-b:1 b-c:1 c-d:1 a-d:9")), {
    b: "b 1 1",
    c: "b 2 2",
    d: "b 3 3",
  });
});

pureTest("topology prefers fewer links, then the lower id, among routes of equal cost", () => {
  assertEquals(routes(map("a", "a-c a-b b-d c-d")).d, "b 2 2");
  assertEquals(routes(map("a", "a-b:1 b-d:1 a-d:2")).d, "d 2 1");
  assertEquals(routes(map("a", "a-d:2 b-d:1 a-b:1")).d, "d 2 1");
});

pureTest("topology counts a link only when both ends announce it", () => {
  assertEquals(routes(map("a", "a>b b-c")), {});
  assertEquals(routes(map("a", "a-b b>c")), { b: "b 1 1" });
  assertEquals(routes(map("a", "a-b c>b")), { b: "b 1 1" });
});

pureTest("topology does not lead back to the server itself, whatever others announce", () => {
  const topology = map("a", "a-b b-c c-a a-a");
  assertEquals(topology.route("a"), undefined);
  assertEquals(topology.reaches("a"), true);
  assertEquals([...topology.routes().keys()].sort(), ["b", "c"]);
});

pureTest("topology uses a newer announcement and ignores an older one", () => {
  const topology = map("a", "a-b b-c");
  const older = { server: "b", version: 1, address: "b:1", links: [] };
  assertEquals(topology.apply(older, 0), false);
  assertEquals(topology.reaches("c"), true);
  assertEquals(topology.apply({ ...older, version: 2 }, 0), true);
  assertEquals(topology.reaches("c"), false);
  assertEquals(topology.apply({ ...older, links: [{ server: "a", cost: 1 }] }, 0), false);
  assertEquals(serversOn(topology), ["a", "b", "c"]);
});

pureTest(
  "topology forgets an announcement that is not repeated for 200 s, but never the server's own",
  () => {
    const topology = map("a", "a-b b-c");
    const links = [{ server: "b", cost: 1 }];
    assertEquals(topology.forget(199_999), []);
    topology.apply({ server: "b", version: 2, address: "b:1", links }, 100_000);
    assertEquals(topology.forget(200_000), ["c"]);
    assertEquals(topology.reaches("c"), false);
    // The server announced it 50 s before it arrived here.
    assertEquals(topology.apply({ server: "c", version: 1, address: "c:1", links }, 150_000), true);
    topology.slept(10_000);
    assertEquals(topology.forget(309_999), []);
    assertEquals(topology.forget(310_000), ["b"]);
    assertEquals(topology.forget(360_000), ["c"]);
    assertEquals(serversOn(topology), ["a"]);
  },
);

pureTest("topology uses the higher of the two costs that the ends of a link announce", () => {
  const topology = map("a", "a>b:3 b>a:5 b-c:1 c>d:1");
  assertEquals([topology.cost("a", "b"), topology.cost("b", "a")], [5, 5]);
  assertEquals([topology.cost("c", "d"), topology.cost("a", "c")], [undefined, undefined]);
  assertEquals(topology.route("c"), { next: "b", previous: "b", cost: 6, hops: 2 });
});

pureTest(
  "topology keeps a route as the same object while its links stay the same, whatever they cost",
  () => {
    const topology = map("a", "a-b:1 b-c:1 c-d:1 a-e:2 e-c:2");
    const before = topology.routes();
    assertEquals(topology.path("d"), ["b", "c", "d"]);
    const say = (version: number, cost: number) => {
      for (const [server, other] of [["a", "b"], ["b", "a"]] as const) {
        const links = topology.get(server)!.links.map((link) =>
          link.server === other ? { ...link, cost } : link
        );
        topology.apply({ server, version, address: `${server}:1`, links }, 0);
      }
    };
    say(2, 2);
    assert(topology.routes() !== before);
    for (const [server, route] of topology.routes()) assert(before.get(server) === route, server);
    assertEquals(topology.route("d")?.cost, 4);
    const same = topology.routes();
    say(3, 2);
    assert(topology.routes() === same, "nothing has changed");
    // Now c and d are nearer over e, and b is where it was.
    say(4, 4);
    const after = topology.routes();
    assertEquals(topology.path("d"), ["e", "c", "d"]);
    const changed = [...after].filter(([server, route]) => before.get(server) !== route);
    assertEquals(changed.map(([server]) => server), ["c", "d"]);
    assertEquals(topology.path("nobody"), []);
  },
);

pureTest(
  "topology routes cost as much as the shortest paths, and each next hop is nearer",
  () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const graph = fc.uniqueArray(
      fc.record({ from: fc.nat(5), to: fc.nat(5), cost: fc.integer({ min: 1, max: 9 }) })
        .filter(({ from, to }) => from < to),
      { selector: ({ from, to }) => from * 6 + to, minLength: 1 },
    );
    fc.assert(fc.property(graph, (edges) => {
      const distance = names.map((_, i) => names.map((_, j) => i === j ? 0 : Infinity));
      for (const { from, to, cost } of edges) distance[from]![to] = distance[to]![from] = cost;
      const direct = distance.map((row) => [...row]);
      for (const k of names.keys()) {
        for (const i of names.keys()) {
          for (const j of names.keys()) {
            const over = distance[i]![k]! + distance[k]![j]!;
            if (over < distance[i]![j]!) distance[i]![j] = over;
          }
        }
      }
      const text = edges.map(({ from, to, cost }) => `${names[from]}-${names[to]}:${cost}`);
      for (const [self, name] of names.entries()) {
        const topology = map(name, text.join(" "));
        for (const [to, target] of names.entries()) {
          if (to === self) continue;
          const route = topology.route(target);
          assertEquals(route?.cost ?? Infinity, distance[self]![to]!);
          if (!route) continue;
          const next = names.indexOf(route.next);
          assertEquals(direct[self]![next]! + distance[next]![to]!, route.cost);
        }
      }
    }));
  },
);
