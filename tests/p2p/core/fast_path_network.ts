/**
 * One core with its connections, for tests of the fast paths: four users who read frames, of whom two
 * also read batches, two users who read text, and three servers with a user each, of which one reads
 * batches. Owns the connections and their input; the tests check the output.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Connection, RoutingCore, type Transport } from "@netlab/p2p/core";
import { silentLogger } from "@netlab/p2p";
import {
  Ability,
  BatchFields,
  Capability,
  Frame,
  FrameType,
  FrameWriter,
  HEADER_BYTES,
  Information,
  MAX_PAYLOAD_BYTES,
  MessageKind,
  readFrames,
  splitBatch,
  UserKind,
  writeInformationResponse,
  writeLegacyRegistration,
  writeLinkState,
  writePeerRegistration,
  writePresenceSnapshot,
  writeSessionRegistration,
} from "@netlab/protocol";
import { SharedBuffer } from "../../../protocol/codec/buffers/shared_buffer.ts";
import { SPARE_BYTES } from "../../../protocol/codec/buffers/words.ts";
import { seeded } from "@netlab/lab/random";

const CORE = "00000000-0000-4000-8000-0000000000aa";
/** The server at the other end of the link `peer`. */
export const FAR_SERVER = "00000000-0000-4000-8000-0000000000bb";
const OTHER_SERVER = "00000000-0000-4000-8000-0000000000cc";
const NEWER_SERVER = "00000000-0000-4000-8000-0000000000dd";
/** The session key of the users at other servers. */
export const SESSION = "00000000-0000-4000-8000-000000000001";

class TestPort implements Transport {
  readonly out: FrameWriter = new FrameWriter();
  paused = false;
  closed = false;
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {
    this.closed = true;
  }
  close(): void {
    this.closed = true;
  }
  abort(): void {
    this.closed = true;
  }
}

/** The core with its parties; `fast` offers it whole reads, as servers do. */
export class FastPathNetwork {
  readonly core: RoutingCore;
  readonly ports = new Map<string, TestPort>();
  readonly #links = new Map<string, Connection>();
  readonly #fast: boolean;
  /** How many bytes the fast path handled. */
  passed = 0;
  /** How many bytes came in reads from which something was forwarded in place. */
  inPlace = 0;

  constructor(fast: boolean) {
    this.#fast = fast;
    this.core = new RoutingCore({
      id: CORE,
      address: "127.0.0.1:5001",
      peers: [],
      host: { dial: () => {}, random: seeded(1), soon: () => {}, verifySignature: () => false },
      logger: silentLogger,
      now: 0,
    });
    for (const [number, name] of ["Ann", "Bo", "Cy", "Dee"].entries()) {
      const session = SESSION.slice(0, -1) + (number + 1);
      const abilities = number < 2 ? 0 : Ability.Batches;
      this.#join(name, (out) => writeSessionRegistration(out, { session, name, abilities }));
    }
    for (const name of ["Text", "Тест"]) this.joinLegacy(name);
    this.#joinServer("peer", FAR_SERVER, "Far");
    this.#joinServer("other", OTHER_SERVER, "Off");
    this.#joinServer("newer", NEWER_SERVER, "New", [Capability.Batch]);
    const names = ["Ann", "Bo", "Cy", "Dee", "Far", "New", "Off", "Text", "Тест"];
    assertEquals([...this.core.locations.names()].sort(), names);
    for (const { out } of this.ports.values()) out.recycle(out.take());
  }

  /** One more user who reads text. */
  joinLegacy(name: string): void {
    this.#join(name, (out) => writeLegacyRegistration(out, name));
  }

  #join(name: string, write: (out: FrameWriter) => void): void {
    const port = new TestPort();
    this.ports.set(name, port);
    this.#links.set(name, this.core.accepted(port, "127.0.0.1"));
    const out = new FrameWriter();
    write(out);
    this.feed(name, out.take());
  }

  /** A link to a server that has one user. */
  #joinServer(link: string, server: string, name: string, can: readonly string[] = []): void {
    this.#join(link, (out) => {
      const address = "127.0.0.1:5002";
      writePeerRegistration(out, { server, address });
      writeInformationResponse(out, Information.Capabilities, [Capability.Peer, ...can]);
      writeLinkState(out, { server, version: 1, address, links: [{ server: CORE, cost: 1 }] });
      const user = { name, kind: UserKind.Session, session: SESSION, since: 1 };
      writePresenceSnapshot(out, { server, version: 1, part: 0, parts: 1, users: [user] });
    });
  }

  /** One read. With `fast`, into a large buffer as connections do, which is overwritten behind it. */
  feed(from: string, frames: Uint8Array): void {
    const link = this.#links.get(from)!;
    const { length } = frames;
    const shared = this.#fast ? new SharedBuffer(length + SPARE_BYTES) : undefined;
    const bytes = shared?.bytes ?? new Uint8Array(length);
    bytes.set(frames);
    const run = (bytes: Uint8Array, start: number, end: number) => {
      const at = this.core.run(link, bytes, start, end);
      this.passed += at - start;
      return at;
    };
    const visit = (frame: Frame) => this.core.received(link, frame);
    readFrames(
      bytes,
      0,
      length,
      MAX_PAYLOAD_BYTES,
      new Frame(),
      visit,
      this.#fast ? run : undefined,
    );
    this.core.flush();
    if (!shared) return;
    if (shared.hasWriter) this.inPlace += length;
    else bytes.fill(0xee);
    shared.leaveReader();
  }

  /** What was counted since the start. */
  get counted(): string {
    return JSON.stringify(this.core.status().totals);
  }

  /** All that was written since the last time, and to whom, and what was counted. */
  written(): Record<string, string> {
    const all: Record<string, string> = { counted: this.counted };
    for (const [name, port] of this.ports) {
      const taken = port.out.take();
      all[name] = `${taken.toHex()} ${port.paused} ${port.closed}`;
      port.out.recycle(taken);
    }
    return all;
  }

  /** The same frame by frame, with batches taken apart; hex, as far as it is frames. */
  writtenApart(): Record<string, string> {
    const all: Record<string, string> = {};
    for (const [name, { out }] of this.ports) {
      const bytes = out.take();
      all[name] = name === "Text" || name === "Тест" ? bytes.toHex() : apart(bytes);
      out.recycle(bytes);
    }
    return all;
  }
}

function apart(bytes: Uint8Array): string {
  const singles = new FrameWriter();
  const visit = (frame: Frame) => {
    if (frame.type !== FrameType.Message || frame.subtype !== MessageKind.Batch) {
      return singles.forward(frame, frame.reserved);
    }
    splitBatch(
      new BatchFields().read(frame.bytes, frame.start, frame.end),
      singles,
      frame.reserved,
    );
  };
  readFrames(bytes, 0, bytes.length, MAX_PAYLOAD_BYTES, new Frame(), visit);
  const frames: string[] = [];
  const frame = new Frame();
  const read = singles.take();
  readFrames(read, 0, read.length, MAX_PAYLOAD_BYTES, frame, ({ start, end }) => {
    frames.push(` ${read.subarray(start - HEADER_BYTES, end).toHex()}`);
  });
  return frames.join("");
}
