/**
 * Users who move by round-trip time under a virtual clock, with the shipped code of clients and servers:
 * when they move, and that they lose no message.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FrameType } from "@netlab/protocol";
import { EchoRule } from "@netlab/rtt";
import { checkHistory, type HistoryEvent } from "@netlab/lab";
import { seeded } from "@netlab/lab/random";
import {
  addressOf,
  disconnectRules,
  MeasuringClient,
  servers,
  settle,
  VirtualNetwork,
  type VirtualNode,
} from "@netlab/lab/simulator";

const MINUTE_MS = 60_000;
const SERVERS = 3;
/** The mean time between two messages of a user: milliseconds. */
const WRITE_EVERY_MS = 2_000;

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Three servers and some users, who send messages to each other all the time. */
class Scene {
  readonly network: VirtualNetwork;
  readonly nodes: VirtualNode[];
  readonly clients: MeasuringClient[];
  /** The round-trip time from users to each server, without noise: milliseconds. */
  readonly rttMs: number[] = Array.from({ length: SERVERS }, () => 20);
  readonly #history: HistoryEvent[] = [];
  #writing = true;

  constructor(seed: number, users: number, rttMs: number, jitterMs: number) {
    const network = this.network = new VirtualNetwork(seed);
    this.rttMs.fill(rttMs);
    const addresses = this.rttMs.map((_, index) => addressOf(index));
    const chance = seeded(seed, 8);
    network.latency = (from, to) => {
      const server = addresses.indexOf(from.startsWith("client-") ? to : from);
      if (server < 0 || !(from + to).includes("client-")) return 2;
      return (this.rttMs[server]! + jitterMs * (2 * chance() - 1)) / 2;
    };
    this.nodes = servers(network, SERVERS, undefined, () => {
      const echo = new EchoRule(() => network.now);
      return { rules: new Map([...disconnectRules, [FrameType.Echo, echo]]), costs: echo };
    });
    settle(network, this.nodes);
    this.clients = Array.from(
      { length: users },
      (_, user) =>
        new MeasuringClient(network, `user-${user}`, addresses, (event) => {
          this.#history.push(event);
        }),
    );
    network.until(() => this.clients.every(({ user }) => user.attached !== undefined));
    network.run(1_000);
    for (const [number, client] of this.clients.entries()) this.#write(number, client);
  }

  /** Returns the moves of all users after a time. */
  movesSince(at: number): string[] {
    return this.clients.flatMap(({ decisions }) =>
      decisions.filter((decided) => decided.at > at).map(({ decision }) => decision.line)
    );
  }

  /** Lets messages in flight arrive, and checks that none is lost, duplicated or out of order. */
  check(): void {
    this.#writing = false;
    this.network.run(MINUTE_MS);
    const findings = checkHistory(this.#history);
    const { lost, duplicated, unexpected, outOfOrder, doubts } = findings;
    assertEquals(
      { lost, duplicated, unexpected, outOfOrder, doubts },
      { lost: [], duplicated: [], unexpected: [], outOfOrder: [], doubts: [] },
    );
    assert(findings.accepted > 0.99 * findings.sent && findings.sent > 500, `${findings.sent}`);
  }

  #write(number: number, { user }: MeasuringClient): void {
    const sequences = new Map<string, number>();
    const write = () => {
      if (!this.#writing) return;
      const other = (number + 1 + Math.floor(this.network.random() * (this.clients.length - 1))) %
        this.clients.length;
      const recipient = this.clients[other]!.user.name;
      const sequence = (sequences.get(recipient) ?? 0) + 1;
      sequences.set(recipient, sequence);
      user.send(recipient, "hello", sequence);
      this.network.after(2 * WRITE_EVERY_MS * this.network.random(), write);
    };
    this.network.after(WRITE_EVERY_MS * this.network.random(), write);
  }
}

test("users do not move within an hour between equally fast servers with 8 ms of jitter", () => {
  const scene = new Scene(1, 6, 20, 8);
  const { now } = scene.network;
  scene.network.run(60 * MINUTE_MS);
  assertEquals(scene.movesSince(now), []);
  assert(new Set(scene.clients.map(({ user }) => user.attached!.peer.party)).size > 1, "no herd");
  scene.check();
});

test("users move once, within 45 s, when another server falls from 50 to 20 ms for good", () => {
  let worst = 0;
  for (let seed = 1; seed <= 2; seed++) {
    const scene = new Scene(seed, 20, 50, 8);
    const { network, clients } = scene;
    network.run(5 * MINUTE_MS);
    const at = (index: number) =>
      clients.filter(({ user }) => user.attached!.peer.party === addressOf(index));
    const movers = [...at(1), ...at(2)];
    assert(movers.length > 5);
    const { now } = network;
    scene.rttMs[0] = 20;
    network.run(45_000);
    assertEquals(at(0).length, clients.length, `seed ${seed}`);
    network.run(10 * MINUTE_MS);
    assertEquals(scene.movesSince(now).length, movers.length, "one move each");
    for (const { decisions } of movers) {
      assertEquals(decisions.at(-1)!.decision.kind, "moved");
      worst = Math.max(worst, decisions.at(-1)!.at - now);
    }
    scene.check();
  }
  assert(worst > 16_000, `it takes three rounds: ${worst} ms`);
});

test("users reconnect within 2 s when their servers crash, and return when these are back", () => {
  const scene = new Scene(3, 20, 20, 4);
  const { network, nodes, clients } = scene;
  scene.rttMs[1] = 30;
  scene.rttMs[2] = 90;
  network.run(2 * MINUTE_MS);
  for (let crash = 0; crash < 12; crash++) {
    const node = nodes[crash % SERVERS]!;
    node.crash();
    network.run(10_000 + 20_000 * network.random());
    node.start();
    network.run(2 * MINUTE_MS);
    assert(clients.every(({ user }) => user.attached !== undefined));
  }
  const absences = clients.flatMap(({ absencesMs }) => absencesMs).sort((a, b) => a - b);
  assert(absences.length > 40, `${absences.length} absences`);
  const p99 = absences[Math.floor(0.99 * absences.length)]!;
  assert(p99 < 2_000, `${p99} ms`);
  network.run(5 * MINUTE_MS);
  assert(clients.every(({ user }) => user.attached!.peer.party !== addressOf(2)), "home again");
  scene.check();
});

test("users leave a server that has fallen silent, and lose nothing", () => {
  const scene = new Scene(4, 10, 20, 4);
  const { network, clients } = scene;
  scene.rttMs[1] = scene.rttMs[2] = 60;
  network.run(2 * MINUTE_MS);
  for (const { user } of clients) network.silence(user.party, addressOf(0));
  // The next round may be 12 s away, and missing three probes takes 3 s.
  const { now } = network;
  network.run(16_000);
  for (const client of clients) {
    assert(client.user.attached!.peer.party !== addressOf(0));
    assert(client.decisions.at(-1)!.at - now < 15_500);
  }
  for (const { user } of clients) network.join(user.party, addressOf(0));
  network.run(2 * MINUTE_MS);
  scene.check();
});
