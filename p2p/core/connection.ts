/**
 * One connection of a server, and what the core knows of the party at its other end. Owns that state
 * and how an error is told to such a party; decides nothing.
 *
 * @module
 */
import { type FrameWriter, type NetlabError, NIL_UUID, writeError } from "@netlab/protocol/codec";
import type { Transport } from "./transport.ts";
import { FailureDetector } from "./failure_detector.ts";

/** What the party at the other end is. */
export type Role =
  /** Has not said yet. */
  | "stranger"
  /** A user who reads bare text. */
  | "bare"
  /** A user who reads frames. */
  | "session"
  /** A server with which this one keeps a lasting link. */
  | "peer"
  /** An address that was dialled to learn what is there. */
  | "probe"
  /** A legacy server, asked for its users now and then. */
  | "legacy"
  /** A legacy server, for one frame. */
  | "courier";

/** A writer is held up for one slow reader at most so long; then that reader's messages are refused. */
export const MAX_PAUSE_MS = 3_000;

const encoder = new TextEncoder();
const NONE: ReadonlySet<string> = new Set();

/** One connection. */
export class Connection {
  /** What the party at the other end is. */
  role: Role = "stranger";
  /** Whether it reads bare text, not frames: it asked to be registered so. */
  readsText = false;
  /** Whether it takes many messages in one frame: it said so. */
  readsBatches = false;
  /** The session's key; nil for whoever has none. */
  session: string = NIL_UUID;
  /** The id of the server at the other end of a link between servers. */
  server = "";
  /** Where that server is reached. */
  address = "";
  /** What the server at the other end can do, once it has said. */
  capabilities: ReadonlySet<string> = NONE;
  /** When the last frame came in: milliseconds. */
  heardAt: number;
  /** When the last sign of life was sent: milliseconds. */
  aliveAt = 0;
  /** When a dialled connection must have proved useful: milliseconds. */
  deadline: number = Infinity;
  /** Whether its reading is held up: nothing that it sends is heard then. */
  held = false;
  /** Since when: milliseconds. */
  heldAt = 0;
  /** Whether it did not write what waits in the time that others were held up for it. */
  overdue = false;
  /** Links whose reading is held up until this one has written what waits; none as a rule. */
  heldUp: Set<Connection> | undefined = undefined;
  // Thousands of users may be here who do nothing: what they do not need is not made.
  #name = "";
  #nameBytes: Uint8Array | undefined;
  #unacknowledged: Map<string, string[]> | undefined;
  #pulse: FailureDetector | undefined;

  /**
   * A connection of which nothing is known yet.
   *
   * @param transport What carries its bytes.
   * @param remoteHost The host at its other end, as it stands in addresses.
   * @param dialled The address that this server dialled, or `undefined` when the other side did.
   * @param now The time.
   */
  constructor(
    readonly transport: Transport,
    readonly remoteHost: string,
    readonly dialled: string | undefined,
    now: number,
  ) {
    this.heardAt = now;
  }

  /** The user's name, once registered. */
  get name(): string {
    return this.#name;
  }

  set name(name: string) {
    this.#name = name;
    this.#nameBytes = undefined;
  }

  /** The same as it stands in messages. */
  get nameBytes(): Uint8Array {
    return this.#nameBytes ??= encoder.encode(this.#name);
  }

  /** Whether any message of another server was handed over and not acknowledged. */
  get hasUnacknowledged(): boolean {
    return this.#unacknowledged !== undefined && this.#unacknowledged.size > 0;
  }

  /**
   * Messages that other servers keep, and that were handed over and not acknowledged: by id, those
   * servers.
   */
  get unacknowledged(): Map<string, string[]> {
    return this.#unacknowledged ??= new Map();
  }

  /** Whether the other end of a link between servers is silent for longer than usual. */
  get pulse(): FailureDetector {
    return this.#pulse ??= new FailureDetector();
  }

  /** Reads nothing from it until {@linkcode Connection.letGo}: its silence means nothing meanwhile. */
  hold(now: number): void {
    if (!this.held) this.heldAt = now;
    this.held = true;
    this.transport.pause();
  }

  /** Whether it has been held up for so long that those it writes to besides suffer. */
  isHeldTooLong(now: number): boolean {
    return this.held && now - this.heldAt >= MAX_PAUSE_MS;
  }

  /** Reads on; the other side is not to be blamed for the silence until now. */
  letGo(now: number): void {
    this.held = false;
    this.heardAt = now;
    this.transport.resume();
  }

  /** Where frames for the other side are written. */
  get out(): FrameWriter {
    return this.transport.out;
  }

  /** Lets pending bytes out and ends the writing half; what still comes in is handed over. */
  end(): void {
    void this.transport.end();
  }

  /** Lets pending bytes out and closes; what still comes in is dropped. */
  close(): void {
    void this.transport.close();
  }

  /** Closes at once. */
  abort(): void {
    this.transport.abort();
  }

  /** Whether a user has registered on it. */
  get isUser(): boolean {
    return this.role === "session" || this.role === "bare";
  }

  /** Whether the name in `bytes` from `start` to `end` is its user's. */
  isCalled(bytes: Uint8Array, start: number, end: number): boolean {
    const name = this.nameBytes;
    if (end - start !== name.length) return false;
    for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false;
    return true;
  }

  /** Tells the other side of an error in the form that it reads, and closes behind a fatal one. */
  tell(error: NetlabError): void {
    if (this.readsText) this.out.raw(encoder.encode(`netlab: ${error.message}`));
    else writeError(this.out, error);
    if (error.fatal) this.close();
  }
}
