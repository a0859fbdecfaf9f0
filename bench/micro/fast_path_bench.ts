/**
 * Micro-benchmarks of the fast paths: messages from one user to another through a core without sockets,
 * each case with the fast path and without it. No whole-server benchmark can leave it out. Compare
 * figures of one run only.
 *
 * @module
 */
import {
  Ability,
  Frame,
  FrameDecoder,
  FrameWriter,
  MAX_PAYLOAD_BYTES,
  MessageKind,
  readFrames,
  UserKind,
  writeBatch,
  writeLegacyRegistration,
  writeLinkState,
  writeMessage,
  writePeerRegistration,
  writePresenceSnapshot,
  writeSessionRegistration,
} from "@netlab/protocol";
import { type Connection, MessageIds, RoutingCore, type Transport } from "@netlab/p2p/core";
import { silentLogger } from "@netlab/p2p";

/** Messages in one iteration. */
const COUNT = 1_000;
const TEXT = "x".repeat(64);

const core = new RoutingCore({
  id: crypto.randomUUID(),
  address: "127.0.0.1:5001",
  peers: [],
  host: { dial: () => {}, random: Math.random, soon: () => {} },
  logger: silentLogger,
  now: 0,
});

/** The writers of all connections. */
const writers: FrameWriter[] = [];

function connect(register: (out: FrameWriter) => void): Connection {
  const out = new FrameWriter();
  writers.push(out);
  const nothing = () => {};
  const transport: Transport = {
    ...{ out, pause: nothing, resume: nothing, end: nothing, close: nothing, abort: nothing },
  };
  const connection = core.accepted(transport, "127.0.0.1");
  const frames = new FrameWriter();
  register(frames);
  new FrameDecoder((frame) => core.received(connection, frame)).push(frames.take());
  core.turn();
  out.take();
  return connection;
}

const session = () => crypto.randomUUID();
const alice = connect((out) =>
  writeSessionRegistration(out, { session: session(), name: "Alice" })
);
connect((out) =>
  writeSessionRegistration(out, { session: session(), name: "Bob", abilities: Ability.Batches })
);
connect((out) => writeLegacyRegistration(out, "Carol"));
connect((out) => {
  const server = crypto.randomUUID();
  const address = "127.0.0.1:5002";
  writePeerRegistration(out, { server, address });
  writeLinkState(out, { server, version: 1, address, links: [{ server: core.id, cost: 1 }] });
  const user = { name: "Dave", kind: UserKind.Session, session: session(), since: 1 };
  writePresenceSnapshot(out, { server, version: 1, part: 0, parts: 1, users: [user] });
});

const ids = new MessageIds((bytes) => crypto.getRandomValues(bytes));
const sequenceId = () => ids.next();
const randomId = () => crypto.randomUUID();

/** Frames with new messages from Alice: the core drops an id that it has seen. */
function messages(recipient: string, newId: () => string): Uint8Array {
  const out = new FrameWriter();
  for (let i = 0; i < COUNT; i++) {
    const message = { id: newId(), sender: "Alice", recipient, text: TEXT };
    writeMessage(out, message, MessageKind.Ephemeral);
  }
  return out.take();
}

/** Batches with new messages from Alice. */
function batches(recipient: string): Uint8Array {
  const out = new FrameWriter();
  for (let left = COUNT; left > 0;) {
    const texts = Array<string>(left).fill(TEXT);
    const taken = writeBatch(out, { id: ids.next(left), sender: "Alice", recipient, texts });
    ids.giveBack(left - taken);
    left -= taken;
  }
  return out.take();
}

const frame = new Frame();

/** Gives the core what one read of Alice's connection brings. */
function receive(bytes: Uint8Array, fast: boolean): void {
  const visit = (frame: Frame) => core.received(alice, frame);
  const run = (bytes: Uint8Array, start: number, end: number) => core.run(alice, bytes, start, end);
  readFrames(bytes, 0, bytes.length, MAX_PAYLOAD_BYTES, frame, visit, fast ? run : undefined);
  core.turn();
  for (const out of writers) out.recycle(out.take());
}

const cases: Record<string, () => Uint8Array> = {
  "to a session": () => messages("Bob", sequenceId),
  "to a session, random ids": () => messages("Bob", randomId),
  "to a legacy user": () => messages("Carol", randomId),
  "to another server": () => messages("Dave", sequenceId),
  "in batches to a session": () => batches("Bob"),
  "in batches to a legacy user": () => batches("Carol"),
};
for (const [group, create] of Object.entries(cases)) {
  for (const fast of [true, false]) {
    const name = `${COUNT} messages ${group}, ${fast ? "fast path" : "router"}`;
    Deno.bench(name, { group, baseline: fast }, (bench) => {
      const bytes = create();
      bench.start();
      receive(bytes, fast);
      bench.end();
    });
  }
}
