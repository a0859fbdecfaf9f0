/**
 * Makes frames for the fuzzer from a seed: correct ones, correct ones with some bytes changed, and random
 * ones. Names, ids and addresses come from small pools, so that frames refer to each other. Must not know
 * who gets the frames.
 *
 * @module
 */
import {
  type Batch,
  Capability,
  ErrorCode,
  FrameType,
  FrameWriter,
  HEADER_BYTES,
  Information,
  type LinkState,
  MAX_PAYLOAD_BYTES,
  MessageKind,
  NetlabError,
  NIL_UUID,
  type PresenceChanges,
  PresenceKind,
  type PresenceSnapshot,
  type ProtectedName,
  type Receipt,
  Registration,
  type UserRecord,
  writeAnnouncement,
  writeBatch,
  writeDisconnect,
  writeError,
  writeHeartbeat,
  writeInformationRequest,
  writeInformationResponse,
  writeLegacyRegistration,
  writeLinkState,
  writeMessage,
  writeMoveRequest,
  writeNameClaim,
  writeOutboundMessage,
  writePeerRegistration,
  writePresenceChanges,
  writePresenceDigest,
  writePresenceSnapshot,
  writeProtectedNames,
  writeProtection,
  writeReceiptQuery,
  writeReceipts,
  writeRelayedReceipts,
  writeServerKey,
  writeServerReceipts,
  writeSessionRegistration,
  writeSessionWelcome,
  writeStatement,
} from "@netlab/protocol";
import { between, pick, type Random, randomUuid, seeded } from "../random.ts";
import { statusWriters } from "./status_frames.ts";

/** How many ids, names and addresses are in each pool. */
const POOL = 12;
/** The names of users in frames. No honest user has one of them. */
export const FUZZ_NAMES: readonly string[] = Array.from({ length: POOL }, (_, n) => `fuzz-${n}`);

const TEXTS = [
  "",
  " ",
  "Hello",
  "\0",
  "\n".repeat(9),
  "\u202e\u200b\ufeff",
  "🦊".repeat(40),
  "\x1b[2J",
];

/** A stream of frames. The same seed gives the same frames. */
export class FrameSource {
  readonly #random: Random;
  readonly #ids: string[];
  readonly #addresses: readonly string[];
  readonly #writers: readonly ((out: FrameWriter) => void)[];

  /**
   * Creates a source.
   *
   * @param seed Any integer.
   * @param addresses The addresses that frames name, `host:port` each. Some servers dial them.
   */
  constructor(seed: number, addresses: readonly string[]) {
    const random = this.#random = seeded(seed);
    this.#addresses = addresses;
    this.#ids = [NIL_UUID, ...Array.from({ length: POOL }, () => randomUuid(random))];
    this.#writers = [
      (out) => writeInformationRequest(out, between(random, 0, 3)),
      (out) =>
        writeInformationResponse(out, Information.Servers, this.#some(() => this.#address())),
      (out) => writeInformationResponse(out, Information.Users, this.#some(() => this.#name())),
      (out) => writeInformationResponse(out, Information.Capabilities, Object.values(Capability)),
      (out) => writeAnnouncement(out, between(random, 1, 65_535)),
      (out) => writeLegacyRegistration(out, this.#name()),
      (out) =>
        writeSessionRegistration(out, {
          session: this.#id(),
          name: this.#name(),
          abilities: between(random, 0, 1),
          ...random() < 0.3 && { signature: this.#exactly(64) },
        }),
      (out) => writeProtection(out, this.#protection()),
      (out) => writeProtectedNames(out, this.#some(() => this.#protection())),
      (out) =>
        writeSessionWelcome(out, {
          server: this.#id(),
          address: this.#address(),
          name: this.#name(),
        }),
      (out) => writePeerRegistration(out, { server: this.#id(), address: this.#address() }),
      (out) => writeDisconnect(out, this.#name(), between(random, 0, 2)),
      (out) => writeMoveRequest(out, this.#some(() => this.#address())),
      (out) => writeMessage(out, this.#message(), MessageKind.Ephemeral),
      (out) => writeMessage(out, this.#message(), MessageKind.Durable),
      (out) => this.#outbound(out),
      (out) => writeBatch(out, this.#batch()),
      (out) => writeReceipts(out, this.#some(() => this.#receipt())),
      (out) =>
        writeRelayedReceipts(
          out,
          this.#name(),
          this.#some(() => this.#receipt()),
          between(random, 0, 9),
        ),
      (out) => {
        const receipts = this.#some(() => this.#receipt());
        writeServerReceipts(
          out,
          { to: this.#id(), from: this.#id(), receipts },
          between(random, 0, 9),
        );
      },
      (out) => {
        const ids = this.#some(() => this.#id());
        writeReceiptQuery(out, { to: this.#id(), user: this.#name(), ids }, between(random, 0, 9));
      },
      (out) =>
        writeError(
          out,
          new NetlabError(pick(random, Object.values(ErrorCode)), this.#text(), {
            fatal: random() < 0.1,
          }),
        ),
      (out) => writePresenceSnapshot(out, this.#snapshot()),
      (out) => writePresenceChanges(out, this.#changes()),
      (out) =>
        writePresenceDigest(
          out,
          this.#some(() => ({ server: this.#id(), version: this.#version() })),
        ),
      (out) => {
        const kind = pick(random, [PresenceKind.Claim, PresenceKind.Held]);
        const claim = { to: this.#id(), from: this.#id(), name: this.#name() };
        const proof = this.#exactly(16);
        writeNameClaim(out, kind, random() < 0.5 ? claim : { ...claim, proof }, 1);
      },
      (out) => writeLinkState(out, this.#linkState(), between(random, 0, 300)),
      (out) => writeHeartbeat(out),
      (out) =>
        writeServerKey(out, {
          key: this.#exactly(32),
          startedAt: this.#version(),
          challenge: this.#exactly(16),
          ...random() < 0.5 && { signature: this.#exactly(64) },
        }),
      (out) => {
        const frames = this.signed(between(random, 0, 2));
        writeStatement(out, {
          key: this.#exactly(32),
          startedAt: this.#version(),
          to: random() < 0.5 ? this.#id() : undefined,
          number: this.#version(),
          signature: this.#exactly(64),
          frames,
        }, between(random, 0, 9));
      },
      ...statusWriters({
        random,
        id: () => this.#id(),
        name: () => this.#name(),
        address: () => this.#address(),
        text: () => this.#text(),
      }),
      (out) => {
        out.begin(FrameType.Echo, 0);
        out.text(this.#text());
        out.end();
      },
    ];
  }

  /**
   * Returns the bytes of one frame. One in about fifty is cut off, or is no frame.
   *
   * @param asServer Whether a frame may be the registration of a server.
   */
  next({ asServer = true } = {}): Uint8Array {
    for (;;) {
      const bytes = this.#next();
      const isServer = bytes[0] === FrameType.Registration && bytes[1] === Registration.Peer;
      if (asServer || !isServer) return bytes;
    }
  }

  #next(): Uint8Array {
    const random = this.#random;
    const kind = random();
    if (kind < 0.1) return this.#rubbish();
    const frame = this.#correct();
    if (kind < 0.5) this.#damage(frame);
    if (kind < 0.98) return frame;
    return random() < 0.5 ? frame.subarray(0, between(random, 0, frame.length)) : this.#bytes(64);
  }

  /**
   * Returns the bytes of a registration as a session, a legacy user or a server, or no bytes.
   *
   * @param asServer Whether it may be that of a server.
   */
  registration({ asServer = true } = {}): Uint8Array {
    const out = new FrameWriter();
    const random = this.#random;
    const kind = random();
    if (kind < 0.4) {
      writeSessionRegistration(out, {
        session: randomUuid(random),
        name: this.#name(),
        abilities: 1,
      });
    } else if (kind < 0.5) writeLegacyRegistration(out, this.#name());
    else if (kind < 0.8 && asServer) {
      writePeerRegistration(out, { server: this.#id(), address: this.#address() });
    }
    return out.take();
  }

  /** Returns the bytes of so many frames, as they may be in a statement of a server. */
  signed(count: number): Uint8Array {
    const frames = Array.from({ length: count }, () => {
      const frame = this.#plain();
      if (this.#random() < 0.3) this.#damage(frame);
      return frame;
    });
    const bytes = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const frame of frames) {
      bytes.set(frame, at);
      at += frame.length;
    }
    return bytes;
  }

  /** Returns a correct frame of the types that servers sign. */
  #plain(): Uint8Array {
    for (;;) {
      const frame = this.#correct();
      const isSigned = frame[0] === FrameType.Receipt || frame[0] === FrameType.Presence ||
        frame[0] === FrameType.LinkState;
      if (isSigned && frame.length < 10_000) return frame.slice();
    }
  }

  #correct(): Uint8Array {
    const out = new FrameWriter();
    for (;;) {
      try {
        pick(this.#random, this.#writers)(out);
        return out.take();
      } catch (error) {
        // The writers check what they write, and some of these values are not allowed.
        if (!(error instanceof NetlabError || error instanceof TypeError)) throw error;
        out.take();
      }
    }
  }

  /** Changes some bytes of the payload, or the type. The length stays. */
  #damage(frame: Uint8Array): void {
    const random = this.#random;
    if (random() < 0.2) frame[between(random, 0, 1)] = between(random, 0, 12);
    if (random() < 0.2) frame[between(random, 4, 5)] = between(random, 0, 255);
    for (let n = between(random, 0, 4); n > 0 && frame.length > HEADER_BYTES; n--) {
      const at = between(random, HEADER_BYTES, frame.length - 1);
      frame[at] = random() < 0.5 ? pick(random, [0, 1, 0x7f, 0x80, 0xff]) : between(random, 0, 255);
    }
  }

  /** Returns a frame whose payload is random. */
  #rubbish(): Uint8Array {
    const random = this.#random;
    const length = random() < 0.02 ? MAX_PAYLOAD_BYTES : between(random, 0, 300);
    const frame = new Uint8Array(HEADER_BYTES + length);
    frame[0] = between(random, 0, 12);
    frame[1] = between(random, 0, 6);
    frame[2] = length >> 8;
    frame[3] = length & 0xff;
    const filler = random() < 0.5 ? undefined : pick(random, [0, 32, 44, 255]);
    for (let at = HEADER_BYTES; at < frame.length; at++) {
      frame[at] = filler ?? Math.floor(256 * random());
    }
    return frame;
  }

  #bytes(most: number): Uint8Array {
    return Uint8Array.from({ length: between(this.#random, 1, most) }, () => 256 * this.#random());
  }

  #outbound(out: FrameWriter): void {
    const random = this.#random;
    const inner = new FrameWriter();
    writeMessage(inner, this.#message(), MessageKind.Durable);
    const message = inner.take().subarray(HEADER_BYTES);
    const kind = random() < 0.7 ? MessageKind.Outbound : MessageKind.HandedOff;
    const ids = { origin: this.#id(), destination: this.#id(), previous: this.#id() };
    writeOutboundMessage(out, { ...ids, message }, kind, between(random, 0, 20));
  }

  #message(): { id: string; sender: string; recipient: string; text: string } {
    return { id: this.#id(), sender: this.#name(), recipient: this.#name(), text: this.#text() };
  }

  #batch(): Batch {
    const { id, sender, recipient } = this.#message();
    return {
      id: id.replace(/^(.{14})./, "$18"),
      sender,
      recipient,
      texts: this.#some(() => this.#text(), 40),
    };
  }

  #receipt(): Receipt {
    const random = this.#random;
    const code = random() < 0.5 ? 0 : pick(random, Object.values(ErrorCode));
    return { id: this.#id(), state: between(random, 0, 6), code, reason: this.#text() };
  }

  #user(): UserRecord {
    const since = pick(this.#random, [0, 1, 1_800_000_000_000, Number.MAX_SAFE_INTEGER]);
    return { name: this.#name(), kind: between(this.#random, 0, 4), session: this.#id(), since };
  }

  #snapshot(): PresenceSnapshot {
    const random = this.#random;
    const parts = between(random, 1, 3);
    const users = this.#some(() => this.#user());
    const part = between(random, 0, parts - 1);
    return { server: this.#id(), version: this.#version(), part, parts, users };
  }

  #changes(): PresenceChanges {
    return {
      server: this.#id(),
      version: this.#version(),
      changes: this.#some(() => this.#user()),
    };
  }

  #linkState(): LinkState {
    const links = this.#some(() => ({ server: this.#id(), cost: between(this.#random, 1, 100) }));
    return { server: this.#id(), version: this.#version(), address: this.#address(), links };
  }

  #version(): number {
    return pick(this.#random, [0, 1, 2, 3, 100, 2 ** 32, Number.MAX_SAFE_INTEGER]);
  }

  #exactly(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => between(this.#random, 0, 255));
  }

  #protection(): ProtectedName {
    return {
      name: this.#name(),
      version: this.#version(),
      key: this.#exactly(32),
      signature: this.#exactly(64),
      previous: this.#exactly(64),
    };
  }

  #id(): string {
    const random = this.#random;
    return random() < 0.2 ? randomUuid(random) : pick(random, this.#ids);
  }

  #name(): string {
    return pick(this.#random, FUZZ_NAMES);
  }

  #address(): string {
    return pick(this.#random, this.#addresses);
  }

  #text(): string {
    const random = this.#random;
    return random() < 0.01 ? "x".repeat(between(random, 1, 60_000)) : pick(random, TEXTS);
  }

  #some<T>(make: () => T, most = 5): T[] {
    return Array.from({ length: between(this.#random, 0, most) }, make);
  }
}
