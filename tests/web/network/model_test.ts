/** What the network page makes of the answers of servers. */
import { assert, assertEquals } from "@std/assert";
import { type EventFilter, GROUPS, sentence } from "../../../web/pages/network/model/event_list.ts";
import { History, HISTORY_SECONDS } from "../../../web/pages/network/model/history.ts";
import { shortNames } from "../../../web/pages/network/model/names.ts";
import { Network } from "../../../web/pages/network/model/network.ts";
import { explainRoute } from "../../../web/pages/network/model/routes.ts";
import { Selection } from "../../../web/pages/network/model/selection.ts";
import { MAX_USERS, Users } from "../../../web/pages/network/model/users.ts";
import { why } from "../../../web/pages/network/views/route_card.ts";
import { pureTest as test } from "../../kinds.ts";
import { address, events, id, message, status, type Told } from "./answers.ts";

const ALL: EventFilter = { groups: new Set(GROUPS), server: undefined, text: "" };

function newNetwork(): Network {
  return new Network(() => 500);
}

/** Returns what the network tells, the newest first. */
function told(network: Network, filter: Partial<EventFilter> = {}): string[] {
  return network.events.newest({ ...ALL, ...filter }, 100, network.nameOf)
    .map((event) => sentence(event, network.nameOf));
}

function states(network: Network): string {
  return network.sorted.map(({ id, state }) => `${network.nameOf(id)} ${state}`).join(", ");
}

function user(name: string, server: string) {
  return { name, server: id(server), kind: 2, sinceMs: 0 };
}

test("network consists of the servers to which the own one has routes", () => {
  const network = newNetwork();
  network.learnStatus(status("A", { links: { B: 1, C: 2 } }), true, 0);
  assertEquals(states(network), "5001 up, 5002 found, 5003 found");
  network.learnStatus(status("B", { links: { A: 1, C: 2 } }), false, 10);
  network.learnStatus(status("C", { links: { A: 2, B: 2 }, isDraining: true }), false, 10);
  assertEquals(states(network), "5001 up, 5002 up, 5003 draining");
  assertEquals(network.links.length, 3);

  network.learnStatus(status("A"), true, 1_000);
  assertEquals(states(network), "5001 up, 5002 gone, 5003 left");
  assertEquals(network.links, []);
  assertEquals(told(network), ["5003 has left", "5002 is gone: no route leads to it"]);

  // A server that starts again at the same address has another id.
  const again = status("D", { links: { A: 1 }, port: 5_002 });
  network.learnStatus(status("A", { links: { C: 2 } }), true, 2_000);
  network.learnStatus(again, false, 2_000);
  assertEquals(states(network), "5001 up, 5002 up, 5003 found");
  network.learnStatus(status("A"), true, 3_000);
  network.tick(62_000);
  assertEquals(states(network), "5001 up, 5002 gone, 5003 gone");
  network.tick(64_000);
  assertEquals(states(network), "5001 up");
});

test("network goes on when the own server is lost", () => {
  const network = newNetwork();
  network.learnStatus(status("A", { links: { B: 1 } }), true, 0);
  network.learnStatus(status("B", { links: { A: 1 } }), false, 0);
  network.lost(1_000);
  assertEquals(states(network), "5001 silent, 5002 up");
  network.learnStatus(status("B"), true, 2_000);
  assertEquals(states(network), "5001 gone, 5002 up");
  assertEquals(network.announcement, "5001 is gone");
});

test("a server that does not answer or is too old is part of the network", () => {
  const network = newNetwork();
  network.learnStatus(status("A", { links: { B: 1, C: 1 } }), true, 0);
  network.failed(id("B"), "silent", 0);
  network.failed(id("C"), "old", 0);
  assertEquals(states(network), "5001 up, 5002 silent, 5003 old");
  network.learnStatus(status("B"), false, 10);
  assertEquals(states(network), "5001 up, 5002 up, 5003 old");
});

test("rates are differences of counters, and survive a server that starts anew", () => {
  const network = newNetwork();
  const tell = (uptimeMs: number, received: number) =>
    network.learnStatus(status("A", { uptimeMs, received }), true, uptimeMs);
  const rate = () => network.servers.get(id("A"))!.rates?.messagesReceived;
  tell(1_000, 100);
  assertEquals(rate(), undefined);
  tell(3_000, 300);
  assertEquals(rate(), 100);
  tell(3_000, 300);
  assertEquals(rate(), 100);
  tell(1_000, 5);
  assertEquals(rate(), 100);
  tell(2_000, 6);
  assertEquals(rate(), 1);
  network.tick(5_000);
  assertEquals(network.history.values("received", 5_000).at(-1), 1);
});

test("history keeps ten minutes, with gaps where nothing was added", () => {
  const history = new History(["a"]);
  history.add(1_000_000, { a: 1 });
  history.add(1_003_400, { a: 2 });
  assertEquals(history.values("a", 1_003_999).slice(-5), [null, 1, null, null, 2]);
  assertEquals(history.values("a", 1_005_000).slice(-3), [2, null, null]);
  for (let second = 0; second < 2 * HISTORY_SECONDS; second++) {
    history.add(2_000_000 + 1_000 * second, { a: second });
  }
  const values = history.values("a", 2_000_000 + 1_000 * (2 * HISTORY_SECONDS - 1));
  assertEquals([values[0], values.at(-1)], [HISTORY_SECONDS, 2 * HISTORY_SECONDS - 1]);
  history.add(9_000_000, {});
  assert(history.values("a", 9_000_000).every((value) => value === null));
});

test("users follow the lists and the events of servers", () => {
  const network = newNetwork();
  network.learnStatus(status("A", { links: { B: 1 } }), true, 0);
  const { users } = network;
  users.begin();
  users.page([user("Alice", "A"), user("Bob", "A")], 3, 0);
  users.page([user("Carol", "B")], 3, 0);
  users.end();
  assertEquals(users.search("").map(({ name }) => name), ["Alice", "Bob", "Carol"]);

  // What was before the first answer is history.
  network.learnEvents(events("A", [{ kind: "left", user: "Alice", reason: "" }]), 0);
  network.learnEvents(events("B", [{ kind: "joined", user: "Zoe" }]), 0);
  assertEquals(users.size, 3);
  assertEquals(network.nextEvent(id("A")), 2);

  // Bob moves: whichever server tells it first, he is at the new one.
  network.learnEvents(events("B", [{ kind: "joined", user: "Bob" }], 2), 0);
  network.learnEvents(events("A", [{ kind: "left", user: "Bob", reason: "" }], 2), 0);
  assertEquals(users.get("Bob")?.server, id("B"));
  network.learnEvents(events("B", [{ kind: "moved", user: "Bob", server: id("A") }], 3), 0);
  assertEquals(users.get("Bob")?.server, id("A"));
  network.learnEvents(events("A", [{ kind: "left", user: "Bob", reason: "" }], 3), 0);
  assertEquals(users.get("Bob"), undefined);
  assertEquals(users.total, 2);
});

test("a list of users does not undo what happened while it was read", () => {
  const users = new Users();
  users.begin();
  users.page([user("Alice", "A"), user("Bob", "A")], 2, 0);
  users.end();
  users.begin();
  users.page([user("Alice", "A")], 2, 0);
  users.joined("Carol", id("B"), 0);
  users.left("Alice", id("A"));
  users.page([user("Bob", "A")], 2, 0);
  users.end();
  assertEquals(users.search("").map(({ name }) => name), ["Bob", "Carol"]);
  const { version } = users;
  users.begin();
  users.page([user("Bob", "A"), user("Carol", "B")], 2, 0);
  users.end();
  assertEquals(users.version, version, "nothing has changed");
});

test("search finds parts of names, whatever the case, on all servers or one", () => {
  const users = new Users();
  users.begin();
  const names = ["Alice", "alicia", "Bob", "Zoë", "user10", "user9", "__proto__", "constructor"];
  users.page(names.map((name, at) => user(name, at % 2 ? "B" : "A")), names.length, 0);
  users.end();
  const found = (text: string, server?: string) =>
    users.search(text, server && id(server)).map(({ name }) => name);
  assertEquals(found(" ALIC "), ["Alice", "alicia"]);
  assertEquals(found("alic", "B"), ["alicia"]);
  assertEquals(found("zoe\u0308"), ["Zoë"]);
  assertEquals(found("user"), ["user9", "user10"]);
  assertEquals(found("__PROTO"), ["__proto__"]);
  assertEquals(found("nobody"), []);
});

test("users above the limit are counted and not kept", () => {
  const users = new Users();
  users.begin();
  const many = Array.from({ length: MAX_USERS + 5 }, (_, at) => user(`user${at}`, "A"));
  users.page(many, many.length, 0);
  assert(users.isFull);
  users.end();
  users.joined("another", id("A"), 0);
  assertEquals([users.size, users.total, users.isFull], [MAX_USERS, MAX_USERS + 5, true]);
});

test("the path of a message is joined from what servers tell in any order", () => {
  const network = newNetwork();
  const links: Told = { links: { A: 1, B: 1, C: 1 } };
  network.learnStatus(status("A", links), true, 0);
  network.users.begin();
  network.users.page([user("Alice", "A"), user("Bob", "C")], 2, 0);
  network.users.end();
  network.learnEvents(events("C", [message(1, { from: "B" })]), 100);
  assertEquals(network.takeTraces(150), [], "nobody has told how it began");
  network.learnEvents(events("B", [message(1, { from: "A", to: "C" })]), 200);
  assertEquals(network.takeTraces(250), []);
  network.learnEvents(events("A", [message(1, { to: "B" })]), 300);
  const [trace] = network.takeTraces(300);
  assertEquals(trace!.stops, [
    { user: "Alice" },
    { server: id("A") },
    { server: id("B") },
    { server: id("C") },
    { user: "Bob" },
  ]);
  assertEquals(told(network), ["5001 Alice → 5001 → 5002 → 5003 → Bob, 5 bytes"]);
  assertEquals(network.takeTraces(10_000), []);
});

test("a path ends where it is not known on", () => {
  const network = newNetwork();
  network.learnStatus(status("A", { links: { B: 1 } }), true, 0);
  network.users.begin();
  network.users.page([user("Alice", "A")], 1, 0);
  network.users.end();
  // The other server has not told of the message: servers tell of some only. And Zoe is nowhere.
  network.learnEvents(events("A", [message(1, { to: "B" }), message(2, { recipient: "Zoe" })]), 0);
  assertEquals(network.takeTraces(0).map(({ stops }) => stops.length), [2]);
  assertEquals(network.takeTraces(5_000).map(({ stops }) => stops), [
    [{ user: "Alice" }, { server: id("A") }, { server: id("B") }],
  ]);
  assertEquals(told(network), [
    "5001 Alice → 5001 → 5002, for Bob, 5 bytes",
    "5001 Alice → 5001, for Zoe, 5 bytes",
  ]);
  // Servers that contradict each other do not make a path without end.
  network.learnEvents(events("A", [message(3, { from: "B", to: "B" })]), 5_000);
  network.learnEvents(events("B", [message(3, { from: "A", to: "A" })]), 5_000);
  assertEquals(network.takeTraces(9_000).length, 1);
});

test("events are filtered by group, server and text", () => {
  const network = newNetwork();
  network.learnStatus(status("A", { links: { B: 1 } }), true, 0);
  network.learnEvents(
    events("A", [
      { kind: "joined", user: "Alice" },
      { kind: "linkDown", server: id("B"), address: address("B") },
      { kind: "refused", who: "Mallory", code: 3, reason: "Cannot register: the name is taken" },
    ]),
    0,
  );
  network.learnEvents(events("B", [{ kind: "joined", user: "Bob" }, { kind: "draining" }]), 0);
  assertEquals(told(network, { groups: new Set(["users"]) }), [
    "5002 Bob joined",
    "5001 Alice joined",
  ]);
  assertEquals(told(network, { groups: new Set(["servers", "refused"]) }), [
    "5002 is about to leave",
    "5001 refused Mallory: Cannot register: the name is taken",
  ]);
  assertEquals(told(network, { server: id("B") }), [
    "5002 is about to leave",
    "5002 Bob joined",
    "5001 lost the link to 5002",
  ]);
  assertEquals(told(network, { text: "MALLORY" }).length, 1);
  assertEquals(told(network, { text: "5002", groups: new Set(["links"]) }).length, 1);
  assertEquals(told(network, { text: "nothing like it" }), []);
});

/** Explains the route from A to B. */
function explain(...servers: readonly (readonly [string, Told])[]) {
  const statuses = new Map(servers.map(([name, told]) => [id(name), status(name, told)]));
  return explainRoute(statuses, id("A"), id("B"));
}

const letter = (server: string) => server.at(-1)!.toUpperCase();

test("a route is explained by what others cost", () => {
  const detour = explain(
    ["A", { links: { B: 40, C: 4 }, routes: { B: ["C", 12], C: ["C", 4] } }],
    ["B", { links: { A: 40, C: 8 } }],
    ["C", { links: { A: 4, B: 8 } }],
  );
  assertEquals(why(detour, letter), "A → C → B, 12.0 ms; the direct link takes 40.0 ms.");

  const direct = explain(
    ["A", { links: { B: 3, C: 4 } }],
    ["B", { links: { A: 3, C: 8 } }],
    ["C", { links: { A: 4, B: 8 } }],
  );
  assertEquals(why(direct, letter), "The direct link, 3.00 ms; the way over C would take 12.0 ms.");

  const only = explain(["A", { links: { B: 3 } }], ["B", { links: { A: 3 } }]);
  assertEquals(why(only, letter), "The direct link, 3.00 ms. It is the only route that is known.");

  const changing = explain(
    ["A", { links: { B: 40, C: 4 } }],
    ["B", { links: { A: 40, C: 8 } }],
    ["C", { links: { A: 4, B: 8 } }],
  );
  assertEquals(
    why(changing, letter),
    "The direct link, 40.0 ms; the way over C takes 12.0 ms by now. Servers change a route when another one " +
      "stays better.",
  );
  assertEquals(why(explain(["A", {}], ["B", {}]), letter), "There is no route.");
});

test("servers that count links explain routes by links", () => {
  const isCounting = true;
  const routes: Told["routes"] = { B: ["C", 2], C: ["C", 1], D: ["D", 1] };
  const explanation = explain(
    ["A", { links: { C: 1, D: 1 }, routes, isCounting }],
    ["B", { links: { C: 1, E: 1 }, isCounting }],
    ["C", { links: { A: 1, B: 1 }, isCounting }],
    ["D", { links: { A: 1, E: 1 }, isCounting }],
    ["E", { links: { D: 1, B: 1 }, isCounting }],
  );
  assertEquals(
    why(explanation, letter),
    "A → C → B, 2 links; the way over D and E would take 3 links.",
  );
});

test("the direct link is among the other routes, whatever it costs", () => {
  const near = { A: 1, B: 1 };
  const { others, route, isComplete } = explain(
    ["A", { links: { B: 90, C: 1, D: 2, E: 3, F: 4 }, routes: { B: ["C", 2] } }],
    ["B", { links: { A: 90, C: 1, D: 1, E: 1, F: 1 } }],
    ["C", { links: near }],
    ["D", { links: near }],
    ["E", { links: near }],
    ["F", { links: near }],
  );
  assertEquals(route!.path.map(letter).join(""), "ACB");
  assertEquals(isComplete, true);
  assertEquals(others.map(({ path }) => path.map(letter).join("")), ["ADB", "AEB", "AB"]);
});

test("a route over a server that tells nothing is incomplete", () => {
  const { route, isComplete } = explain(["A", {
    links: { C: 1 },
    routes: { B: ["C", 2], C: ["C", 1] },
  }]);
  assertEquals([route!.path.map(letter).join(""), isComplete], ["ACB", false]);
});

test("selection has no, one or two servers", () => {
  const selection = new Selection();
  const now = () => [selection.from, selection.to];
  selection.choose("a");
  selection.choose("b");
  selection.choose("c");
  assertEquals(now(), ["a", "c"]);
  selection.swap();
  assertEquals(now(), ["c", "a"]);
  selection.choose("c");
  assertEquals(now(), ["a", undefined]);
  selection.swap();
  assertEquals(now(), ["a", undefined]);
  selection.clear();
  assertEquals(now(), [undefined, undefined]);
});

test("servers are named by their ports or hosts if that tells them apart", () => {
  const one = ["127.0.0.1:5001", "tls://127.0.0.1:5002"];
  assertEquals(one.map(shortNames(one)), ["5001", "5002"]);
  const each = ["paris:5001", "tls://tokyo:5001", "[::1]:5002"];
  assertEquals(each.map(shortNames(each)), ["paris", "tokyo", "[::1]"]);
  const domain = ["paris.lab.example:5001", "tokyo.lab.example:5001"];
  assertEquals(domain.map(shortNames(domain)), ["paris", "tokyo"]);
  const domains = ["paris.example:5001", "paris.test:5001", "10.0.0.1:5001"];
  assertEquals(domains.map(shortNames(domains)), ["paris.example", "paris.test", "10.0.0.1"]);
  const numbers = ["10.0.0.1:5001", "11.0.0.1:5001"];
  assertEquals(numbers.map(shortNames(numbers)), ["10.0.0.1", "11.0.0.1"]);
  const mixed = ["paris:5001", "paris:5002", "tokyo:5001"];
  assertEquals(mixed.map(shortNames(mixed)), mixed);
});
