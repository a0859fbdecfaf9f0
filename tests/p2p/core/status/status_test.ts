/**
 * Servers tell their status, their events and their users, also through others.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  Capability,
  ErrorCode,
  FrameType,
  FrameWriter,
  MessageKind,
  NetlabError,
  readRequestNumber,
  readServerStatus,
  StatusKind,
  UserScope,
  writeServerUsers,
  writeStatusFailure,
  writeStatusRequest,
  writeUsersRequest,
} from "@netlab/protocol";
import { LIMITS, MessageIds } from "@netlab/p2p/core";
import { chain, servers, settle, VirtualNetwork } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";
import { Watcher } from "./watcher.ts";

function start(count: number) {
  const network = new VirtualNetwork();
  const nodes = servers(network, count, chain(count));
  settle(network, nodes);
  const watcher = new Watcher(network, nodes[0]!);
  return { network, nodes, watcher, ids: nodes.map(({ core }) => core.id) };
}

pureTest("status: a server tells what it counts, stores, and is linked to", async () => {
  const { network, nodes, watcher, ids } = start(3);
  const ann = new TestUser(network, "Ann").at(nodes[0]!);
  new TestUser(network, "Bob").at(nodes[1]!);
  network.run(100);
  ann.send("Bob", "durable");
  ann.send("Ann", "to myself", { kind: MessageKind.Ephemeral });
  ann.send("Nobody", "refused", { kind: MessageKind.Ephemeral });
  ann.send("Carl", "stored");
  network.run(1_000);
  const status = await watcher.get((queries) => queries.status());
  assertEquals(status.server, ids[0]);
  assertEquals(status.address, nodes[0]!.address);
  assertEquals([status.system, status.isDraining, status.users], ["p2p", false, 1]);
  const { messagesReceived, messagesDelivered, messagesForwarded, messagesStored } = status.totals;
  assertEquals(
    [messagesReceived, messagesDelivered, messagesForwarded, messagesStored],
    [4, 1, 1, 2],
  );
  assertEquals(status.totals.messagesRefused, 1);
  const { oldestMs, ...mailbox } = status.mailbox;
  assertEquals([mailbox.messages, mailbox.recipients], [1, 1]);
  assert(mailbox.bytes > 0 && oldestMs >= 500 && oldestMs < 3_000, `${oldestMs}`);
  assert(status.uptimeMs > 1_000);
  assertEquals(status.links.map(({ server, nextHopFor }) => [server, nextHopFor]), [[ids[1], 2]]);
  assertEquals(
    status.routes.map(({ server, nextHop, hops, costMs }) => [server, nextHop, hops, costMs]),
    [[ids[1], ids[1], 1, undefined], [ids[2], ids[1], 2, undefined]],
  );
  assertEquals(status.routes[1]!.address, nodes[2]!.address);
});

pureTest("status: any server answers through those on the route", async () => {
  const { nodes, watcher, ids } = start(5);
  for (const [at, id] of ids.entries()) {
    const { server, address } = await watcher.get((queries) => queries.status(id));
    assertEquals([server, address], [id, nodes[at]!.address]);
  }
});

pureTest("status: many askers get their own answers, whatever numbers they choose", async () => {
  const { network, nodes, ids } = start(3);
  const watchers = [0, 0, 1, 2].map((at) => new Watcher(network, nodes[at]!));
  const answers = watchers.map(({ queries }, at) => queries.status(ids[(at + 1) % 3]));
  network.run(200);
  assertEquals(
    (await Promise.all(answers)).map(({ server }) => server),
    [ids[1], ids[2], ids[0], ids[1]],
  );
});

pureTest("status: an error says why there is no answer", async () => {
  const { network, nodes, watcher, ids } = start(3);
  const nowhere = network.uuid();
  assertEquals(
    await watcher.codeOf((queries) => queries.status(nowhere)),
    ErrorCode.ServerUnreachable,
  );
  // The link is silent, but its servers have not noticed yet.
  network.silence(nodes[1]!.address, nodes[2]!.address);
  assertEquals(
    await watcher.codeOf((queries) => queries.status(ids[2]), 2_400),
    ErrorCode.ServerUnreachable,
  );
  const old = new ScriptedPeer(network, nodes[0]!);
  const error = await watcher.get((queries) => queries.status(old.id)).catch((error) => error);
  assertEquals(error.code, ErrorCode.Unsupported);
  assertStringIncludes(error.message, `${old.address}, on the route, is too old`);
  assertEquals(old.got(FrameType.Status, StatusKind.StatusRequest).length, 0);
  assertEquals(watcher.errors, []);
});

pureTest("status: requests that wait for a server fail when its link is lost", async () => {
  const { network, nodes, watcher } = start(1);
  const peer = new ScriptedPeer(network, nodes[0]!, undefined, [Capability.Status]);
  const answer = watcher.queries.status(peer.id);
  network.run(20);
  assertEquals(peer.got(FrameType.Status, StatusKind.StatusRequest).length, 1);
  peer.connection.abort();
  network.run(50);
  const error = await answer.catch((error) => error);
  assertEquals(error.code, ErrorCode.ServerUnreachable);
  assertStringIncludes(error.message, "link");
});

pureTest("status: only the server that was asked can answer, and only once", async () => {
  const { network, nodes, watcher } = start(2);
  const capabilities = [Capability.Status];
  const peer = new ScriptedPeer(network, nodes[0]!, undefined, capabilities);
  const rogue = new ScriptedPeer(network, nodes[0]!, "10.0.9.8:5001", capabilities);
  const answer = watcher.queries.status(peer.id);
  network.run(20);
  const [request] = peer.got(FrameType.Status, StatusKind.StatusRequest);
  const number = readRequestNumber(request!.payload);
  const failure = (code: number) => ({ number, error: new NetlabError(code, "no") });
  writeStatusFailure(rogue.out, failure(1));
  network.run(20);
  writeStatusFailure(peer.out, failure(2));
  writeStatusFailure(peer.out, failure(3));
  network.run(20);
  assertEquals((await answer.catch((error) => error)).code, 2);
  assertEquals(rogue.connection.closed, false);
});

pureTest("status: an answer that is wrong fails its request, and no other", async () => {
  const { network, nodes, watcher, ids } = start(2);
  const peer = new ScriptedPeer(network, nodes[0]!, undefined, [Capability.Status]);
  const cases = [0, 1].map((scope) => watcher.queries.users(peer.id, scope as UserScope));
  const other = watcher.queries.status(ids[1]);
  // Errors must not count as unhandled while time passes.
  for (const answer of cases) answer.catch(() => {});
  network.run(20);
  const [first, second] = peer.got(FrameType.Status, StatusKind.UsersRequest)
    .map(({ payload }) => readRequestNumber(payload));
  // One is about another server, and one cannot be read.
  const page = { number: first!, server: ids[0]!, total: 0, next: "", users: [] };
  writeServerUsers(peer.out, page);
  const cut = new FrameWriter();
  writeServerUsers(cut, { ...page, number: second!, server: peer.id });
  peer.out.frame(FrameType.Status, StatusKind.UsersAnswer, cut.take().slice(6, -3));
  network.run(100);
  for (const answer of cases) {
    assertEquals((await answer.catch((error) => error)).code, ErrorCode.Malformed);
  }
  assertEquals((await other).server, ids[1]);
  assertEquals([watcher.connection.closed, peer.connection.closed], [false, false]);
});

pureTest("status: a registered user may ask as well", () => {
  const { network, nodes, ids } = start(2);
  const ann = new TestUser(network, "Ann").at(nodes[0]!);
  const seen: number[] = [];
  network.watch(({ to, frame }) => {
    if (to !== ann.party || frame.type !== FrameType.Status) return false;
    assertEquals(readServerStatus(frame.payload).server, ids[1]);
    seen.push(frame.subtype);
    return false;
  });
  writeStatusRequest(ann.connection!.out, { number: 9, target: ids[1]! });
  network.run(100);
  assertEquals(seen, [StatusKind.StatusAnswer]);
  assertEquals(ann.errors, []);
});

pureTest(
  "status: a request that nobody can read is refused where it enters the network",
  async () => {
    const { network, nodes, watcher, ids } = start(2);
    const out = new FrameWriter();
    writeUsersRequest(out, { number: 1, target: ids[1]!, scope: 0, after: "abc" });
    const bytes = out.take().slice(0, -3);
    bytes[3]! -= 3;
    watcher.connection.out.raw(bytes);
    network.run(100);
    assertEquals(watcher.errors.map(({ code }) => code), [ErrorCode.Malformed]);
    assertEquals(nodes[0]!.neighbours(), [nodes[1]!.address]);
    assertEquals((await watcher.get((queries) => queries.status(ids[1]))).server, ids[1]);
  },
);

pureTest(
  "statusRequests: a connection that asks faster is refused until it slows down",
  async () => {
    const { network, nodes, watcher } = start(1);
    const most = LIMITS.statusRequests.default;
    const answers = Array.from({ length: most + 1 }, () => watcher.queries.status());
    network.run(100);
    const results = await Promise.allSettled(answers);
    assertEquals(results.filter(({ status }) => status === "fulfilled").length, most);
    assertEquals(
      await answers.at(-1)!.catch(({ code }) => code),
      ErrorCode.TooManyRequests,
    );
    // It hurts nobody else, and shows in the status.
    const { limitsHit } = await new Watcher(network, nodes[0]!).get((queries) => queries.status());
    assertEquals(limitsHit, [{ code: ErrorCode.TooManyRequests, count: 1 }]);
    network.run(1_000);
    await watcher.get((queries) => queries.status());
  },
);

pureTest(
  "waitingRequestsOfOne, waitingRequests: further requests are refused at once",
  async () => {
    const { network, nodes } = start(1);
    const peer = new ScriptedPeer(network, nodes[0]!, undefined, [Capability.Status]);
    const most = LIMITS.waitingRequestsOfOne.default;
    const one = new Watcher(network, nodes[0]!);
    const isRefused = (answer: Promise<unknown>) =>
      Promise.race([
        answer.then(() => false, ({ code }) => code === ErrorCode.TooManyRequests),
        new Promise<boolean>((resolve) =>
          queueMicrotask(() => queueMicrotask(() => resolve(false)))
        ),
      ]);
    const ask = async (watcher: Watcher, count: number) => {
      let refused = 0;
      for (let left = count; left > 0; left -= 100) {
        const answers = Array.from(
          { length: Math.min(left, 100) },
          () => watcher.queries.status(peer.id),
        );
        for (const answer of answers) answer.catch(() => {});
        network.run(250);
        for (const answer of answers) if (await isRefused(answer)) refused++;
      }
      return refused;
    };
    assertEquals(await ask(one, most + 1), 1);
    // All that wait fail after two seconds: none is forgotten.
    network.run(2_500);
    assertEquals(await ask(one, 10), 0);
    network.run(2_500);
    const all = LIMITS.waitingRequests.default;
    const watchers = Array.from({ length: all / 400 + 1 }, () => new Watcher(network, nodes[0]!));
    const answers = watchers.flatMap(({ queries }) =>
      Array.from({ length: 400 }, () => queries.status(peer.id))
    );
    for (const answer of answers) answer.catch(() => {});
    network.run(100);
    let refused = 0;
    for (const answer of answers) if (await isRefused(answer)) refused++;
    assertEquals(refused, answers.length - all);
  },
);

pureTest(
  "events: what happens is recorded in order, and only from the wanted number on",
  async () => {
    const { network, nodes, watcher, ids } = start(2);
    const before = await watcher.get((queries) => queries.events());
    assertEquals(before.events.map(({ kind }) => kind), ["linkUp", "routeChanged"]);
    const ann = new TestUser(network, "Ann").at(nodes[0]!);
    network.run(50);
    ann.send("Nobody", "hello", { kind: MessageKind.Ephemeral });
    network.run(50);
    const moved = new TestUser(network, "Ann", { key: ann.key }).at(nodes[1]!);
    network.run(3_000);
    ann.connection!.abort();
    moved.connection!.abort();
    network.run(50);
    nodes[1]!.crash();
    network.run(6_000);
    const { events, lost, next } = await watcher.get((queries) =>
      queries.events(undefined, before.next)
    );
    assertEquals(lost, 0);
    assertEquals(events[0]!.sequence, before.next);
    assertEquals(next, events.at(-1)!.sequence + 1);
    const told = events.filter(({ kind }) => kind !== "message").map(({ kind }) => kind);
    assertEquals(told, ["joined", "refused", "moved", "linkDown", "routeChanged"]);
    for (const event of events) {
      if (event.kind === "moved") assertEquals([event.user, event.server], ["Ann", ids[1]]);
      if (event.kind === "routeChanged") assertEquals(event.nextHop, undefined);
      if (event.kind === "refused") assertEquals([event.who, event.code], ["Ann", 9]);
    }
  },
);

pureTest("events: the ring keeps the last ones, and says how many were lost", async () => {
  const { network, nodes, watcher } = start(1);
  const { next } = await watcher.get((queries) => queries.events());
  const most = LIMITS.events.default;
  for (let i = 0; i < most / 2 + 5; i++) {
    const user = new TestUser(network, "Ann", { mute: true }).at(nodes[0]!);
    user.connection!.abort();
    network.until(() => nodes[0]!.core.users.count === 0);
  }
  const { events, lost } = await watcher.get((queries) => queries.events(undefined, next, 2_000));
  assertEquals([events.length, lost], [most, 10]);
});

pureTest("events: messages are recorded on their whole route while somebody watches", async () => {
  const { network, nodes, watcher, ids } = start(3);
  const ann = new TestUser(network, "Ann", { batches: true }).at(nodes[0]!);
  new TestUser(network, "Bob", { batches: true }).at(nodes[2]!);
  network.run(200);
  const legs = async () => {
    const legs = [];
    for (const [at, id] of ids.entries()) {
      const { events } = await watcher.get((queries) => queries.events(id, 1, 1_000), 100);
      for (const event of events) {
        if (event.kind !== "message") continue;
        const { from, to, hop, count } = event;
        const index = (server: string | undefined) => server ? ids.indexOf(server) : "user";
        legs.push(`${event.id} ${index(from)}-${at}-${index(to)} ${hop} ${count}`);
      }
    }
    return legs;
  };
  ann.send("Bob", "nobody watches");
  network.run(500);
  assertEquals(await legs(), []);
  const random = new MessageIds((bytes) => bytes.fill(7));
  const durable = ann.send("Bob", "durable");
  const single = ann.send("Bob", "single", { id: random.next(), kind: MessageKind.Ephemeral });
  const [batch] = ann.sendBatch("Bob", ["a", "b"]);
  network.run(500);
  assertEquals(
    (await legs()).sort(),
    [[durable, 1], [single, 1], [batch, 2]].flatMap(([id, count]) => [
      `${id} user-0-1 0 ${count}`,
      `${id} 0-1-2 1 ${count}`,
      `${id} 1-2-user 2 ${count}`,
    ]).sort(),
  );
  // Ten seconds after the last request, nothing is recorded any more.
  network.run(11_000);
  ann.send("Bob", "nobody watches");
  network.run(500);
  assertEquals((await legs()).length, 9);
});

pureTest("events: of many messages, about fifty a second are recorded", async () => {
  const { network, nodes, watcher } = start(1);
  const ann = new TestUser(network, "Ann").at(nodes[0]!);
  const { next } = await watcher.get((queries) => queries.events());
  for (let i = 0; i < 100; i++) {
    for (let n = 0; n < 20; n++) ann.send("Ann", "x", { kind: MessageKind.Ephemeral });
    network.run(20);
  }
  network.run(100);
  assertEquals(ann.messages.length, 2_000);
  const { events } = await watcher.get((queries) => queries.events(undefined, next));
  const recorded = events.filter(({ kind }) => kind === "message").length;
  assert(recorded >= 80 && recorded <= 130, `${recorded} of 2,000 in two seconds`);
  const { totals } = await watcher.get((queries) => queries.status());
  assertEquals([totals.messagesReceived, totals.messagesDelivered], [2_000, 2_000]);
});

pureTest("users: pages list every user once, of one server or of all", async () => {
  const { network, nodes, watcher, ids } = start(2);
  const names = Array.from({ length: 450 }, (_, n) => `User ${n}`);
  for (const [n, name] of names.entries()) {
    new TestUser(network, name, { mute: true }).register(nodes[n % 3 === 0 ? 0 : 1]!);
  }
  network.run(1_000);
  const list = async (scope: UserScope, target?: string) => {
    const users = [];
    let next = "";
    do {
      const page = await watcher.get((queries) => queries.users(target, scope, next), 50);
      assert(page.users.length <= 200);
      users.push(...page.users);
      next = page.next;
    } while (next !== "");
    return users;
  };
  const own = await list(UserScope.Own, ids[1]);
  assertEquals(own.length, 300);
  assert(own.every(({ server }) => server === ids[1]));
  const all = await list(UserScope.All);
  assertEquals(all.map(({ name }) => name).sort(), names.toSorted());
  for (const { name, server, sinceMs } of all) {
    assertEquals(server, ids[Number(name.slice(5)) % 3 === 0 ? 0 : 1]);
    assert(sinceMs > 0 && sinceMs < 60_000);
  }
  const { total } = await watcher.get((queries) => queries.users(undefined, UserScope.All));
  assertEquals(total, 450);
  // A name at which no page ends.
  assertEquals(
    await watcher.codeOf((queries) => queries.users(undefined, UserScope.All, "Nobody")),
    ErrorCode.Malformed,
  );
});
