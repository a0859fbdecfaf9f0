/**
 * Micro-benchmarks of the routing core: a message from one user of a server to another, without
 * sockets. Figures are per message; compare them within one run only.
 *
 * @module
 */
import {
  Ability,
  Frame,
  FrameDecoder,
  FrameWriter,
  MAX_PAYLOAD_BYTES,
  MAX_RECEIPTS_PER_FRAME,
  MessageKind,
  readFrames,
  type Receipt,
  ReceiptState,
  UserKind,
  writeBatch,
  writeLegacyRegistration,
  writeLinkState,
  writeMessage,
  writePeerRegistration,
  writePresenceSnapshot,
  writeReceipts,
  writeSessionRegistration,
} from "@netlab/protocol";
import { type Connection, MessageIds, RoutingCore, type Transport } from "@netlab/p2p/core";
import { silentLogger } from "@netlab/p2p";

/** Messages in one iteration. */
const COUNT = 1_000;

class NoPort implements Transport {
  readonly out: FrameWriter = new FrameWriter();
  pause(): void {}
  resume(): void {}
  end(): void {}
  close(): void {}
  abort(): void {}
}

const core = new RoutingCore({
  id: crypto.randomUUID(),
  address: "127.0.0.1:5001",
  peers: [],
  host: { dial: () => {}, random: Math.random, soon: () => {} },
  logger: silentLogger,
  now: 0,
});

function join(register: (out: FrameWriter) => void): { link: Connection; port: NoPort } {
  const port = new NoPort();
  const link = core.accepted(port, "127.0.0.1");
  send(link, register);
  port.out.take();
  return { link, port };
}

function send(link: Connection, write: (out: FrameWriter) => void): void {
  const out = new FrameWriter();
  write(out);
  new FrameDecoder((frame) => core.received(link, frame)).push(out.take());
  core.flush();
}

const session = () => crypto.randomUUID();
const alice = join((out) => writeSessionRegistration(out, { session: session(), name: "Alice" }));
const bob = join((out) => {
  const abilities = Ability.Batches;
  writeSessionRegistration(out, { session: session(), name: "Bob", abilities });
});
const bare = join((out) => writeLegacyRegistration(out, "Carol"));
const peer = join((out) => {
  const server = crypto.randomUUID();
  const address = "127.0.0.1:5002";
  writePeerRegistration(out, { server, address });
  writeLinkState(out, { server, version: 1, address, links: [{ server: core.id, cost: 1 }] });
  const user = { name: "Dave", kind: UserKind.Session, session: session(), since: 1 };
  writePresenceSnapshot(out, { server, version: 1, part: 0, parts: 1, users: [user] });
});

/** A thousand messages, and the acknowledgements of those that are kept. */
interface Traffic {
  messages: Uint8Array;
  acknowledgements: Uint8Array;
}

/** Each message has an id of its own: an id that was seen is not delivered again. */
function traffic(sender: string, recipient: string, kind: number, newId: () => string): Traffic {
  const out = new FrameWriter();
  const receipts: Receipt[] = [];
  if (kind === MessageKind.Batch) {
    const texts = Array.from({ length: COUNT }, () => "x".repeat(64));
    for (let at = 0; at < COUNT;) {
      const left = texts.slice(at);
      const taken = writeBatch(out, { id: ids.next(left.length), sender, recipient, texts: left });
      ids.returnUnused(left.length - taken);
      at += taken;
    }
    return { messages: out.take(), acknowledgements: new Uint8Array(0) };
  }
  for (let i = 0; i < COUNT; i++) {
    const id = newId();
    writeMessage(out, { id, sender, recipient, text: "x".repeat(64) }, kind);
    receipts.push({ id, state: ReceiptState.Delivered, code: 0, reason: "" });
  }
  const messages = out.take();
  if (kind === MessageKind.Ephemeral) return { messages, acknowledgements: new Uint8Array(0) };
  for (let at = 0; at < COUNT; at += MAX_RECEIPTS_PER_FRAME) {
    writeReceipts(out, receipts.slice(at, at + MAX_RECEIPTS_PER_FRAME));
  }
  return { messages, acknowledgements: out.take() };
}

const frame = new Frame();

/** What came on one connection in one read; `byLane` is how servers take it. */
function receive({ link }: { link: Connection }, bytes: Uint8Array, byLane: boolean): void {
  if (bytes.length === 0) return;
  const visit = (frame: Frame) => core.received(link, frame);
  const run = (bytes: Uint8Array, start: number, end: number) => core.run(link, bytes, start, end);
  readFrames(bytes, 0, bytes.length, MAX_PAYLOAD_BYTES, frame, visit, byLane ? run : undefined);
  core.flush();
}

/** From the sender's write to the end of all stories. */
function route(
  from: { link: Connection },
  { messages, acknowledgements }: Traffic,
  byLane: boolean,
): void {
  receive(from, messages, byLane);
  receive(bob, acknowledgements, byLane);
  for (const { out } of [alice.port, bob.port, bare.port, peer.port]) out.recycle(out.take());
}

const random = () => crypto.randomUUID();
const ids = new MessageIds((bytes) => crypto.getRandomValues(bytes));
const counted = () => ids.next();
const { Batch, Ephemeral, Durable } = MessageKind;

interface Case {
  what: string;
  from?: typeof alice;
  sender?: string;
  recipient: string;
  kind?: number;
  newId: () => string;
  byLane?: boolean;
}
const cases: Case[] = [
  { what: "framed, counted ids", recipient: "Bob", newId: counted },
  { what: "framed, random ids", recipient: "Bob", newId: random },
  { what: "as bare text, random ids", recipient: "Carol", newId: random },
  { what: "to another server", recipient: "Dave", newId: counted },
  {
    what: "from another server",
    from: peer,
    sender: "Dave",
    recipient: "Bob",
    newId: counted,
  },
  { what: "framed, counted ids, not by the lane", recipient: "Bob", newId: counted, byLane: false },
  { what: "in batches", recipient: "Bob", kind: Batch, newId: counted },
  { what: "in batches, as bare text", recipient: "Carol", kind: Batch, newId: counted },
  { what: "framed, with receipts", recipient: "Bob", kind: Durable, newId: counted },
];
for (
  const { what, from = alice, sender = "Alice", recipient, kind = Ephemeral, newId, byLane = true }
    of cases
) {
  Deno.bench(`route ${COUNT} messages, ${what}`, { group: "route" }, (bench) => {
    const all = traffic(sender, recipient, kind, newId);
    bench.start();
    route(from, all, byLane);
    bench.end();
  });
}
