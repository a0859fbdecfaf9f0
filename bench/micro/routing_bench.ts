/**
 * Micro-benchmarks of the routing core: a message from one user of a server to another, without
 * sockets. Figures are per message; compare them within one run only.
 *
 * @module
 */
import {
  FrameDecoder,
  FrameType,
  FrameWriter,
  MAX_RECEIPTS_PER_FRAME,
  MessageKind,
  readMessage,
  type Receipt,
  ReceiptState,
  writeBareRegistration,
  writeMessage,
  writeReceipts,
  writeSessionRegistration,
} from "@netlab/protocol";
import { type Link, type Port, RoutingCore } from "@netlab/p2p/core";
import { silentLogger } from "@netlab/p2p";

/** Messages in one iteration. */
const COUNT = 1_000;

class NoPort implements Port {
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
  host: { dial: () => {}, random: () => 0.5, soon: () => {} },
  logger: silentLogger,
  now: 0,
});

function join(register: (out: FrameWriter) => void): { link: Link; port: NoPort } {
  const port = new NoPort();
  const link = core.accepted(port, "127.0.0.1");
  send(link, register);
  port.out.take();
  return { link, port };
}

function send(link: Link, write: (out: FrameWriter) => void): void {
  const out = new FrameWriter();
  write(out);
  new FrameDecoder((frame) => core.received(link, frame)).push(out.take());
  core.turn();
}

const session = () => crypto.randomUUID();
const alice = join((out) => writeSessionRegistration(out, { session: session(), name: "Alice" }));
const bob = join((out) => writeSessionRegistration(out, { session: session(), name: "Bob" }));
const bare = join((out) => writeBareRegistration(out, "Carol"));

/** A thousand messages, each with an id of its own: an id that was seen is not delivered again. */
function batch(recipient: string, kind: number): Uint8Array {
  const out = new FrameWriter();
  for (let i = 0; i < COUNT; i++) {
    const id = crypto.randomUUID();
    writeMessage(out, { id, sender: "Alice", recipient, text: "x".repeat(64) }, kind);
  }
  return out.take();
}

/** Bob acknowledges what he was handed, so that the server keeps it no more. */
function acknowledge(): void {
  const receipts: Receipt[] = [];
  new FrameDecoder(({ type, payload }) => {
    if (type !== FrameType.Message) return;
    const { id } = readMessage(payload);
    receipts.push({ id, state: ReceiptState.Delivered, code: 0, reason: "" });
  }).push(bob.port.out.take());
  for (let at = 0; at < receipts.length; at += MAX_RECEIPTS_PER_FRAME) {
    send(bob.link, (out) => writeReceipts(out, receipts.slice(at, at + MAX_RECEIPTS_PER_FRAME)));
  }
}

function route(bytes: Uint8Array, kept: boolean): void {
  new FrameDecoder((frame) => core.received(alice.link, frame)).push(bytes);
  core.turn();
  if (kept) acknowledge();
  for (const { out } of [alice.port, bob.port, bare.port]) out.recycle(out.take());
}

const cases: [what: string, recipient: string, kind: number][] = [
  ["framed", "Bob", MessageKind.Plain],
  ["framed, with receipts", "Bob", MessageKind.WithReceipts],
  ["as bare text", "Carol", MessageKind.Plain],
];
for (const [what, recipient, kind] of cases) {
  Deno.bench(`route ${COUNT} messages, ${what}`, { group: "route" }, (bench) => {
    const bytes = batch(recipient, kind);
    bench.start();
    route(bytes, kind === MessageKind.WithReceipts);
    bench.end();
  });
}
