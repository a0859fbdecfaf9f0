/**
 * What servers of a network with keys sign: this server's own statements, and the check of those of others. Owns the
 * statements that wait for the next flush, so that many frames share a signature, and which statements were seen. Does
 * not know what they say.
 *
 * @module
 */
import {
  ErrorCode,
  Frame,
  FrameType,
  FrameWriter,
  MAX_PAYLOAD_BYTES,
  MAX_STATEMENT_FRAMES_BYTES,
  ProtocolError,
  readFrames,
  readStatement,
  type Statement,
  statementText,
  writeStatement,
} from "@netlab/protocol/codec";
import { serverIdOf } from "@netlab/protocol/server-id";
import { StreamWindow } from "../../dedup/stream_window.ts";
import type { Context, SigningHost } from "../../host.ts";
import { LIMITS } from "../../limits.ts";
import type { Peer } from "../peer.ts";

/** How many small frames take about as long as the check of a signature, 0.1 ms. */
const VERIFY_UNITS = 100;
/** For how many servers, also past ones, the numbers of statements are remembered. */
const MAX_NUMBERED = 10 * LIMITS.servers.default;

/** A statement for all servers that was not verified yet. */
export interface Opened {
  /** The id of the server that says so: a UUID. */
  readonly origin: string;
  /** When it was signed, by the clock of that server: milliseconds since 1970. */
  readonly signedAt: number;
  /** What it says. */
  readonly inner: Frame;
  /** The frame with the statement, which others get unchanged. */
  readonly frame: Frame;
  /**
   * Verifies the signature. Whoever passes a statement on to all has done this before.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.SignatureInvalid} when it is wrong.
   */
  verify(): void;
}

/** Writes a frame. */
export type Write = (out: FrameWriter) => void;

/** The statements of one server, and its checks of those of others. */
export class Statements {
  /** How far the clock of each other server is ahead of this server's, by id: milliseconds. Link states show it. */
  readonly clockAheadMs = new Map<string, number>();
  readonly #context: Context;
  readonly #signing: SigningHost;
  readonly #network: () => string;
  /** The frames that wait to be signed, by the id of the server that gets them. */
  readonly #waiting = new Map<string, Uint8Array[]>();
  /** How many statements were signed for each server, by id. The last one is the one that was used last. */
  readonly #signed = new Map<string, number>();
  /** Which statements of each server were seen, by id. The last one is the one that was used last. */
  readonly #seen = new Map<string, StreamWindow>();

  /**
   * Starts without statements.
   *
   * @param network Returns the name of the network.
   */
  constructor(context: Context, signing: SigningHost, network: () => string) {
    this.#context = context;
    this.#signing = signing;
    this.#network = network;
  }

  /** The time of the machine, by which the age of statements is judged: milliseconds since 1970. */
  get time(): number {
    return this.#signing.time();
  }

  /**
   * Signs a frame for all servers.
   *
   * @param ageMs How old what it says is: whole milliseconds.
   */
  forAll(write: Write, ageMs = 0): Frame {
    const inner = new FrameWriter();
    write(inner);
    return frameOf(this.#sign(undefined, this.time - ageMs, inner.take()));
  }

  /** Signs a frame for one server, by its id, at the next flush. */
  forOne(server: string, write: Write): void {
    const inner = new FrameWriter();
    write(inner);
    const waiting = this.#waiting.get(server);
    if (waiting) waiting.push(inner.take());
    else this.#waiting.set(server, [inner.take()]);
  }

  /**
   * Signs what waits, in as few statements as possible.
   *
   * @param outTo Returns what writes to the next hop on the route to a server; `undefined` if there is none. What is for
   *   that server is then dropped.
   */
  flush(outTo: (server: string) => FrameWriter | undefined): void {
    if (this.#waiting.size === 0) return;
    for (const [server, frames] of this.#waiting) {
      const out = outTo(server);
      for (const part of out ? partsOf(frames) : []) {
        const number = this.#signed.get(server) ?? 0;
        remember(this.#signed, server, number + 1);
        writeStatement(out!, this.#sign(server, number, part), 1);
      }
    }
    this.#waiting.clear();
  }

  /**
   * Reads a statement for all servers.
   *
   * @param peer Who has sent it.
   * @returns `undefined` if it is one of this server.
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} if it is no frame of presence or link state, or more than
   *   one.
   */
  open(peer: Peer, frame: Frame): Opened | undefined {
    const statement = readStatement(frame.payload, false);
    const origin = serverIdOf(statement);
    if (origin === this.#context.id) return undefined;
    let inner: Frame | undefined;
    eachFrame(statement, (next) => {
      const isForAll = next.type === FrameType.Presence || next.type === FrameType.LinkState;
      if (!isForAll || inner) throw malformed("it must have one frame of type 8 or 9");
      inner = next.copy();
    });
    if (!inner) throw malformed("it has no frame");
    return {
      origin,
      signedAt: statement.number,
      inner,
      frame,
      verify: () => this.#verify(peer, statement),
    };
  }

  /**
   * Reads and verifies a statement for this server.
   *
   * @param peer Who has sent it.
   * @param handle Called with each frame in it, and the id of the server that says so.
   * @throws {ProtocolError} {@linkcode ErrorCode.SignatureInvalid} if its signature is wrong, or if it came before, and
   *   the errors of `handle`.
   */
  take(peer: Peer, frame: Frame, handle: (inner: Frame, origin: string) => void): void {
    const statement = readStatement(frame.payload, true);
    const origin = serverIdOf(statement);
    const { number } = statement;
    const seen = this.#seen.get(origin) ?? new StreamWindow(0, 0);
    if (number >= 2 ** 32 || seen.includes(number) !== false) {
      throw new ProtocolError(
        ErrorCode.SignatureInvalid,
        "Cannot take a statement again: each counts once",
      );
    }
    this.#verify(peer, statement);
    seen.add(number);
    remember(this.#seen, origin, seen);
    eachFrame(statement, (inner) => {
      peer.connection.charge(1);
      handle(inner, origin);
    });
  }

  #verify(peer: Peer, statement: Statement): void {
    peer.connection.charge(VERIFY_UNITS);
    const text = statementText(this.#network(), statement);
    const { key, signature } = statement;
    if (this.#context.host.verifySignature(key, text, signature)) return;
    throw new ProtocolError(
      ErrorCode.SignatureInvalid,
      "Cannot take a statement of a server: its signature is wrong",
    );
  }

  #sign(to: string | undefined, number: number, frames: Uint8Array): Statement {
    const { key, startedAt } = this.#signing;
    const statement = { key, startedAt, to, number, frames };
    return {
      ...statement,
      signature: this.#signing.sign(statementText(this.#network(), statement)),
    };
  }
}

/** Returns the error of a frame that speaks for another server than the one that has signed it. */
export function otherOrigin(): ProtocolError {
  return new ProtocolError(
    ErrorCode.SignatureInvalid,
    "Cannot take a statement of a server about another one: each speaks for itself",
  );
}

/** Joins frames to parts that fit into a statement. */
function* partsOf(frames: readonly Uint8Array[]): Iterable<Uint8Array> {
  let part: Uint8Array[] = [];
  let length = 0;
  for (const frame of frames) {
    if (length > 0 && length + frame.length > MAX_STATEMENT_FRAMES_BYTES) {
      yield joined(part, length);
      part = [];
      length = 0;
    }
    part.push(frame);
    length += frame.length;
  }
  yield joined(part, length);
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Returns a statement as a frame that stays valid. */
function frameOf(statement: Statement): Frame {
  const out = new FrameWriter();
  writeStatement(out, statement, 0);
  const bytes = out.take();
  let frame: Frame | undefined;
  readFrames(bytes, 0, bytes.length, MAX_PAYLOAD_BYTES, new Frame(), (each) => {
    frame = each.copy();
  });
  out.recycle(bytes);
  return frame!;
}

function eachFrame({ frames }: Statement, visit: (frame: Frame) => void): void {
  const end = readFrames(frames, 0, frames.length, MAX_PAYLOAD_BYTES, new Frame(), (frame) => {
    visit(frame);
  });
  if (end < frames.length) throw malformed("it ends in the middle of a frame");
}

/** Sets a value in a map of limited size. The one that was used first makes room. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_NUMBERED) return;
  for (const oldest of map.keys()) return void map.delete(oldest);
}

function malformed(why: string): ProtocolError {
  return new ProtocolError(ErrorCode.Malformed, `Cannot read the statement: ${why}`);
}
