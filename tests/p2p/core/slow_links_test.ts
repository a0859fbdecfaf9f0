/**
 * Slow links in virtual time: nothing that only takes long counts as a failure.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  Ability,
  FrameType,
  Information,
  MessageKind,
  writeInformationRequest,
  writeSessionRegistration,
} from "@netlab/protocol";
import { pureTest } from "../../kinds.ts";
import {
  addressOf,
  disconnectRules,
  servers,
  SessionClient,
  settle,
  VirtualNetwork,
} from "@netlab/lab/simulator";

const SLOW = 20_000;

/** Whether the connection from one address to another is slow. */
type Slowness = (from: string, to: string, ann: string, bob: string) => boolean;

/** Two servers, Ann at the first and Bob at the second, and a limit for one connection. */
function scene(isSlow: Slowness, maxMessages = 1_000) {
  const network = new VirtualNetwork(3);
  const options = { rules: disconnectRules, limits: { maxMessages } };
  const nodes = servers(network, 2, undefined, options);
  settle(network, nodes);
  const ann = new SessionClient(network, "Ann", [addressOf(0)]).moveTo(nodes[0]!);
  const bob = new SessionClient(network, "Bob", [addressOf(1)]).moveTo(nodes[1]!);
  network.until(() => nodes.every((node) => node.users().length === 2));
  network.bandwidth = (from, to) => isSlow(from, to, ann.party, bob.party) ? SLOW : Infinity;
  return { network, nodes, ann, bob };
}

// Acknowledgements of a user wait behind the user's own data. Meanwhile, more messages must be stored.
const links: [where: string, isSlow: Slowness, maxMessages?: number][] = [
  ["from the sender to its server", (from, _, ann) => from === ann, 2_000],
  ["from the server to the sender", (_, to, ann) => to === ann],
  ["between the servers", (from, to) => from === addressOf(0) && to === addressOf(1)],
  ["from the server to the recipient", (_, to, __, bob) => to === bob],
  ["from the recipient to its server", (from, _, __, bob) => from === bob, 2_000],
];

for (const [where, isSlow, maxMessages] of links) {
  pureTest(`messages over 20 kB/s ${where} take long, and nothing fails`, () => {
    const { network, nodes, ann, bob } = scene(isSlow, maxMessages);
    for (const node of nodes) node.events.length = 0;
    const forwarded = network.watch(({ from, frame: { type, subtype } }) =>
      from === addressOf(0) && type === FrameType.Message && subtype === MessageKind.Outbound
    );
    const [short, long] = [1_200, 20];
    const texts = [
      ...Array.from({ length: short }, (_, number) => `${number} ${"x".repeat(1_000)}`),
      ...Array.from({ length: long }, (_, number) => `long ${number} ${"x".repeat(60_000)}`),
    ];
    for (const text of texts) ann.send("Bob", text);
    // Data in the other direction, behind which receipts and heartbeats wait.
    for (const text of texts) bob.send("Ann", text);
    network.until(() => ann.pending + bob.pending === 0, 400_000);
    assertEquals([...ann.outcomes.values(), ...bob.outcomes.values()].filter(Boolean), []);
    assertEquals([bob.textsFrom("Ann"), ann.textsFrom("Bob")], [texts, texts]);
    assertEquals([...ann.errors, ...bob.errors], []);
    // Acknowledgements that wait for longer than 10 s cost one repetition, and not one every 10 s.
    assert(forwarded.length <= 2 * texts.length, `${forwarded.length} were forwarded`);
    const events = nodes.flatMap((node) => node.events);
    const failed = events.filter((event) => /silent|down|evicted|left/.test(event));
    assertEquals(failed, []);
  });
}

pureTest("a session whose own data holds up its requests gets heartbeats", () => {
  const { network, nodes, ann } = scene((from, _, ann) => from === ann);
  const heard: number[] = [];
  network.watch(({ to, at, frame }) => {
    if (to === ann.party && frame.type === FrameType.LinkState) heard.push(at);
    return false;
  });
  // Nobody confirms ephemeral messages.
  const start = network.now;
  for (let number = 0; number < 10; number++) void ann.post("Bob", "x".repeat(60_000));
  network.run(25_000);
  const gaps = heard.map((at, index) => at - (heard[index - 1] ?? start));
  assert(heard.length > 15, `${heard.length} heartbeats`);
  assert(Math.max(...gaps) < 2_000, `${Math.max(...gaps)} ms without one`);
  network.run(20_000);
  const idle = heard.length;
  network.run(60_000);
  assert(heard.length - idle < 6, `${heard.length - idle} heartbeats for an idle session`);
  assertEquals(nodes[0]!.users(), ["Ann", "Bob"]);
});

pureTest("a session that sends gets heartbeats only if it reads them", () => {
  const network = new VirtualNetwork();
  const [node] = servers(network, 1);
  const heartbeats = [0, Ability.Batches, Ability.Heartbeats].map((abilities, number) => {
    const party = `10.0.9.${number}:1`;
    network.dial(party, node!.address, {
      connected(connection) {
        connection.start({ frame: () => {} });
        const { out } = connection;
        writeSessionRegistration(out, { session: network.uuid(), name: `u${number}`, abilities });
        const send = () => {
          writeInformationRequest(out, Information.Servers);
          network.after(400, send);
        };
        send();
      },
      failed: (reason) => {
        throw new Error(reason);
      },
    });
    return network.watch(({ to, frame: { type } }) => to === party && type === FrameType.LinkState);
  });
  network.run(5_000);
  assert(heartbeats[2]!.length > 2);
  assertEquals(heartbeats.map(({ length }) => length > 0), [false, false, true]);
});
