/** How often the network page asks servers, and where it puts servers and users. */
import { assert, assertEquals } from "@std/assert";
import { Dots } from "../../../web/pages/network/graph/dots.ts";
import { Layout } from "../../../web/pages/network/graph/layout.ts";
import { Movements } from "../../../web/pages/network/graph/movements.ts";
import { Network } from "../../../web/pages/network/model/network.ts";
import { Pace } from "../../../web/pages/network/watch/pace.ts";
import { pureTest as test } from "../../kinds.ts";
import { id, status } from "./answers.ts";

/** Defines a test of the layout. The library starts a timer, which ends by itself. */
function layoutTest(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", sanitizeOps: false, sanitizeResources: false, fn });
}

/** Counts what is asked in ten seconds after the first five, if every server answers at once. */
function asked(servers: number, answers = true): { status: number; events: number; own: number } {
  const pace = new Pace();
  const all = Array.from({ length: servers }, (_, at) => ({ id: `${at}`, answers }));
  const count = { status: 0, events: 0, own: 0 };
  for (let now = 0; now < 15_000; now += 50) {
    for (const { id, question } of pace.due(all, "0", now)) {
      pace.done(id, question);
      if (now < 5_000) continue;
      count[question]++;
      if (id === "0") count.own++;
    }
  }
  return count;
}

test("page asks a few servers every second, and twice for events", () => {
  assertEquals(asked(3), { status: 30, events: 60, own: 30 });
});

test("page asks many servers less often, but its own as often as ever", () => {
  const { status, events, own } = asked(100);
  assert(status >= 380 && status <= 420, `${status}`);
  assert(events >= 380 && events <= 430, `${events}`);
  assertEquals(own, 30);
});

test("page asks servers that do not answer rarely", () => {
  const { status } = asked(3, false);
  assert(status <= 10 + 2 * 4, `${status}`);
});

test("page asks nothing twice before the answer", () => {
  const pace = new Pace();
  const server = [{ id: "a", answers: true }];
  assertEquals(pace.due(server, "a", 0).length, 2);
  assertEquals(pace.due(server, "a", 60_000), []);
  pace.done("a", "status");
  assertEquals(pace.due(server, "a", 60_001), [{ id: "a", question: "status" }]);
});

/** Returns a network in which all servers are linked. */
function meshOf(names: string): Network {
  const network = new Network(() => 500);
  for (const name of names) {
    const links = Object.fromEntries([...names].filter((to) => to !== name).map((to) => [to, 5]));
    network.learnStatus(status(name, { links }), name === names[0], 0);
  }
  return network;
}

layoutTest("servers have room, and stay where they are when others come", () => {
  const network = meshOf("ABCDEF");
  const layout = new Layout();
  layout.update(network, () => 40, 1.5);
  layout.finish();
  const nodes = [...layout.nodes.values()];
  for (const [at, a] of nodes.entries()) {
    for (const b of nodes.slice(at + 1)) {
      assert(Math.hypot(a.x - b.x, a.y - b.y) > 75, `${a.id} and ${b.id} overlap`);
    }
  }
  assert(nodes.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)));
  const before = nodes.map(({ x }) => x);
  layout.update(network, () => 40, 1.5);
  assertEquals(layout.isMoving, false, "nothing has changed");
  assertEquals(nodes.map(({ x }) => x), before);
});

layoutTest("a user who moves to another server flies there", () => {
  const network = meshOf("AB");
  const layout = new Layout();
  const dots = new Dots();
  const settle = () => {
    layout.update(network, () => 40, 1.5);
    layout.finish();
    dots.update(network, layout, false);
  };
  network.users.joined("Alice", id("A"), 0);
  settle();
  dots.step(layout, true);
  const distance = (server: string) => {
    const { x, y } = dots.all.get("Alice")!;
    const node = layout.nodes.get(id(server))!;
    return Math.hypot(x - node.x, y - node.y);
  };
  assert(distance("A") < 40);
  network.users.joined("Alice", id("B"), 0);
  settle();
  dots.step(layout, false);
  assert(distance("B") > 40 && dots.isMoving, "it is on its way");
  for (let frame = 0; frame < 200 && dots.isMoving; frame++) dots.step(layout, false);
  assert(distance("B") < 40 && !dots.isMoving);
  network.users.left("Alice", id("B"));
  settle();
  assertEquals(dots.all.size, 0);
});

test("messages move from place to place, and not too many at a time", () => {
  const movements = new Movements();
  const stops = [{ user: "Alice" }, { server: "a" }, { server: "b" }];
  const trace = { id: "1", time: 0, stops, count: 1, bytes: 1, recipient: "Bob" };
  movements.add([trace], 0);
  const placeOf = (stop: object) => {
    const x = "user" in stop ? 0 : (stop as { server: string }).server === "a" ? 100 : 200;
    return { x, y: 0, radius: 0 };
  };
  const at = (now: number) =>
    movements.at(now, placeOf).map(({ from, to, part }) => from.x + (to.x - from.x) * part);
  const seen = [0, 275, 550, 825, 1_099].map((now) => Math.round(at(now)[0]!));
  assertEquals(seen, [0, 50, 100, 150, 200]);
  assertEquals(at(1_100), []);
  assertEquals(movements.isMoving, false);
  movements.add(Array.from({ length: 5_000 }, () => trace), 0);
  assert(at(600).length <= 200);
  movements.add([trace], 0);
  assert(at(600).length <= 200);
});
