/**
 * Compares the time that a frame takes with its length: the readers of the codec and a whole server, with
 * long frames of every type. A frame that is eight times as long may take about eight times as long.
 *
 * @module
 */
import {
  Capability,
  Frame,
  FrameType,
  FrameWriter,
  Information,
  MessageKind,
  NetlabError,
  NIL_UUID,
  readFrames,
  ReceiptState,
  UserKind,
  writeBatch,
  writeInformationResponse,
  writeLinkState,
  writeMessage,
  writePeerRegistration,
  writePresenceChanges,
  writePresenceDigest,
  writePresenceSnapshot,
  writeReceiptQuery,
  writeReceipts,
  writeSessionRegistration,
} from "@netlab/protocol";
import { randomUuid, seeded } from "../random.ts";
import { servers, settle, VirtualNetwork } from "../simulator/mod.ts";
import { READERS } from "./codec_target.ts";
import type { Finding, FuzzTarget, Round } from "./target.ts";

/** The longer input is this many times as long as the shorter one. */
const FACTOR = 8;
/** A longer input may take this many times its share. */
const TOLERANCE = 4;
/** What a longer input may take in any case: milliseconds. */
const FREE_MS = 3;
/** How often each time is measured. The shortest counts. */
const TIMES = 5;
/** How often a suspicion is measured again before it is a finding. */
const AGAIN = 3;

const random = seeded(1);
const uuids = Array.from({ length: 3_000 }, () => randomUuid(random));
const SEQUENCE_ID = "3f2b8c1e-9d4a-8e57-8a61-0c5d00000000";

/** Makes a frame of a type with about so many parts: 8 to 64. Its length is proportional to them. */
type Maker = (out: FrameWriter, size: number) => void;

const many = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n));
const user = (n: number) => ({
  name: `user-${n}`,
  kind: UserKind.Session,
  session: uuids[n % 3_000]!,
  since: 1,
});

/** Long frames of every type, and frames that are one byte again and again. */
const MAKERS: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  [
    "servers",
    (out, size) =>
      writeInformationResponse(
        out,
        Information.Servers,
        many(40 * size, (n) => `127.0.0.1:${5_000 + n}`),
      ),
  ],
  [
    "users",
    (out, size) =>
      writeInformationResponse(out, Information.Users, many(100 * size, (n) => `user-${n}`)),
  ],
  [
    "capabilities",
    (out, size) =>
      writeInformationResponse(
        out,
        Information.Capabilities,
        many(60 * size, (n) => `${Capability.Load}=${n}`),
      ),
  ],
  [
    "message",
    (out, size) =>
      writeMessage(out, {
        id: uuids[0]!,
        sender: "fuzz",
        recipient: "Bob",
        text: "x ".repeat(450 * size),
      }, MessageKind.Durable),
  ],
  [
    "batch",
    (out, size) =>
      void writeBatch(out, {
        id: SEQUENCE_ID,
        sender: "fuzz",
        recipient: "Bob",
        texts: many(60 * size, () => "Hello"),
      }),
  ],
  [
    "receipts",
    (out, size) =>
      writeReceipts(
        out,
        many(
          40 * size,
          (n) => ({ id: uuids[n % 3_000]!, state: ReceiptState.Delivered, code: 0, reason: "" }),
        ),
      ),
  ],
  [
    "receipt query",
    (out, size) =>
      writeReceiptQuery(out, { to: NIL_UUID, user: "fuzz", ids: uuids.slice(0, 40 * size) }, 0),
  ],
  [
    "presence snapshot",
    (out, size) =>
      writePresenceSnapshot(out, {
        server: uuids[0]!,
        version: 1,
        part: 0,
        parts: 1,
        users: many(20 * size, user),
      }),
  ],
  [
    "presence changes",
    (out, size) =>
      writePresenceChanges(out, { server: uuids[0]!, version: 1, changes: many(20 * size, user) }),
  ],
  [
    "presence digest",
    (out, size) =>
      writePresenceDigest(out, many(40 * size, (n) => ({ server: uuids[n % 3_000]!, version: n }))),
  ],
  [
    "link state",
    (out, size) =>
      writeLinkState(out, {
        server: uuids[0]!,
        version: 1,
        address: "10.0.9.9:1",
        links: many(40 * size, (n) => ({ server: uuids[n]!, cost: 1 })),
      }),
  ],
  ...[0, 9, 32, 44, 58, 97, 255].flatMap((byte) =>
    Object.values(FrameType).map((type): [string, Maker] => [
      `type ${type} full of ${byte}`,
      (out, size) => {
        out.begin(type, type === FrameType.Error ? 0 : 1);
        out.bytes(new Uint8Array(1_000 * size).fill(byte));
        out.end();
      },
    ])
  ),
]);

/** The times that frames take, in this process. */
export class TimeTarget implements FuzzTarget {
  async round(_seed?: number, stop?: AbortSignal): Promise<Round> {
    const findings: Finding[] = [];
    let frames = 0;
    const check = (what: string, timeOf: (frame: Uint8Array) => number, maker: Maker) => {
      const short = timeOf.bind(undefined, make(maker, 64 / FACTOR));
      const long = timeOf.bind(undefined, make(maker, 64));
      frames += 2 * TIMES;
      for (let n = 0; n < AGAIN; n++) {
        const [shortMs, longMs] = [least(short), least(long)];
        if (longMs <= FREE_MS + TOLERANCE * FACTOR * shortMs) return;
        if (n < AGAIN - 1) continue;
        findings.push({
          what: `${what}: ${shortMs.toFixed(2)} ms, and ${
            longMs.toFixed(2)
          } ms when ${FACTOR} times as long`,
        });
      }
    };
    for (const [name, maker] of MAKERS) {
      // A round takes many seconds, and signals arrive only while it waits.
      await new Promise<void>((resolve) => void setTimeout(resolve, 0));
      stop?.throwIfAborted();
      for (const [reader, read] of READERS) {
        check(`The reader of ${reader} with ${name}`, (bytes) => timeToRead(read, bytes), maker);
      }
      for (const role of ["stranger", "user", "peer"] as const) {
        check(`A server with ${name} from a ${role}`, (bytes) => timeToServe(role, bytes), maker);
      }
    }
    return { frames, findings };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function make(maker: Maker, size: number): Uint8Array {
  const out = new FrameWriter();
  maker(out, size);
  return out.take();
}

function least(time: () => number): number {
  return Math.min(...many(TIMES, time));
}

function timeToRead(read: (frame: Frame) => unknown, bytes: Uint8Array): number {
  let took = 0;
  readFrames(bytes, 0, bytes.length, 65_535, new Frame(), (frame) => {
    const start = performance.now();
    try {
      read(frame);
    } catch (error) {
      if (!(error instanceof NetlabError)) throw error;
    }
    took = performance.now() - start;
  });
  return took;
}

/** Measures how long a server with a link takes for a frame, and for the work that follows from it. */
function timeToServe(role: "stranger" | "user" | "peer", bytes: Uint8Array): number {
  const network = new VirtualNetwork();
  const nodes = servers(network, 2);
  settle(network, nodes);
  let took = 0;
  network.dial("10.0.9.9:1", nodes[0]!.address, {
    connected(connection) {
      connection.start({ frame: () => {} });
      if (role === "user") {
        writeSessionRegistration(connection.out, { session: uuids[1]!, name: "fuzz" });
      }
      if (role === "peer") {
        writePeerRegistration(connection.out, { server: uuids[0]!, address: "10.0.9.9:1" });
      }
      network.after(100, () => connection.out.raw(bytes));
    },
    failed: () => {},
  });
  network.run(90);
  const start = performance.now();
  network.run(400);
  took = performance.now() - start;
  return took;
}
