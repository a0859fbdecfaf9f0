/**
 * A user's connection to one server, from the first question to the end. Owns how it begins (what can
 * the server do, then registering) for servers of both generations, and how it ends; what the frames
 * mean to the user is the session's.
 *
 * @module
 */
import {
  Ability,
  Capability,
  dial,
  DisconnectKind,
  ErrorCode,
  type Frame,
  type FrameConnection,
  FrameType,
  Information,
  isAddress,
  NetlabError,
  readCapabilities,
  readError,
  readServers,
  readSessionWelcome,
  readUncheckedItems,
  reasonOf,
  Registration,
  writeDisconnect,
  writeInformationRequest,
  writeLegacyRegistration,
  writeSessionRegistration,
} from "@netlab/protocol";
import type { SessionConnection } from "../core/session/client_session.ts";
import { LegacyTexts } from "./legacy_text.ts";

/** How long a server may take to say what it can do, and then to register a user: milliseconds. */
const ANSWER_MS = 5_000;
/** How long the news of a move takes from server to server at most, where no server tells: milliseconds. */
const NEWS_MS = 500;
/** How long the server's end is waited for when the user leaves: milliseconds. */
const LEAVE_MS = 5_000;
/** The same for a legacy server, which has nothing to hand over: milliseconds. */
const LEAVE_LEGACY_MS = 250;

/** What a client wants to hear from its connection. */
export interface ServerConnectionEvents {
  /** A frame for the session came in. */
  frame(frame: Frame, from: ServerConnection): void;
  /** A text came in from a legacy server; `isRest` says that it is the rest of the one before. */
  text(text: string, isRest: boolean, from: ServerConnection): void;
  /** The server listed the servers it knows. */
  servers(addresses: string[]): void;
  /** The server is about to leave, and asks this user to move to one of those servers. */
  asked(servers: string[], from: ServerConnection): void;
  /** Nothing waits to be written any more. */
  drained(from: ServerConnection): void;
}

/** One registered connection. */
export class ServerConnection implements SessionConnection {
  /** The server's address, as it was dialled. */
  readonly address: string;
  /** Resolves when the connection has ended, with the reason if it was not this side's wish. */
  readonly ended: Promise<NetlabError | undefined>;
  /** Whether it is a legacy server: bare text, no receipts. */
  legacy = false;
  /** When the last frame came in, in milliseconds of `performance.now()`. */
  heardAt: number = performance.now();
  readonly #connection: FrameConnection;
  readonly #events: ServerConnectionEvents;
  #capabilities: ReadonlySet<string> = new Set();
  #expected = Promise.withResolvers<Frame>();
  #registered = false;
  #held = false;
  #leaving = false;
  #toldWhy: NetlabError | undefined;

  private constructor(
    address: string,
    connection: FrameConnection,
    events: ServerConnectionEvents,
  ) {
    this.address = address;
    this.#connection = connection;
    this.#events = events;
    this.ended = this.#run();
  }

  /**
   * Connects to a server and registers there.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when it cannot be reached or hangs up,
   *   {@linkcode ErrorCode.TimedOut} when it does not answer, {@linkcode ErrorCode.NameTaken} and
   *   whatever else it refuses the user with.
   * @throws {unknown} The reason of `stop` when it aborts before the user is registered.
   */
  static async open(
    address: string,
    user: { name: string; session: string },
    events: ServerConnectionEvents,
    stop: AbortSignal,
  ): Promise<ServerConnection> {
    const attachment = new ServerConnection(address, await dial(address, stop), events);
    const giveUp = () => attachment.abort();
    stop.addEventListener("abort", giveUp);
    try {
      stop.throwIfAborted();
      await attachment.#register(user);
      return attachment;
    } catch (error) {
      attachment.abort();
      throw stop.aborted ? stop.reason : error;
    } finally {
      stop.removeEventListener("abort", giveUp);
    }
  }

  /** Where frames for the server are written. */
  get out(): FrameConnection["out"] {
    return this.#connection.out;
  }

  /** Whether the server sends receipts. */
  get receipts(): boolean {
    return !this.legacy;
  }

  /** Whether the server takes many messages in one frame. */
  get batches(): boolean {
    return this.#capabilities.has(Capability.Batch);
  }

  /** Asks the server which servers it knows: also a sign of life, to it and from it. */
  askServers(): void {
    if (this.receipts) writeInformationRequest(this.out, Information.Servers);
  }

  /** Whether what comes in is held up: the server's silence means nothing then. */
  get held(): boolean {
    return this.#held;
  }

  /** Holds up what comes in, or lets it come. */
  hold(much: boolean): void {
    this.#held = much;
    this.heardAt = performance.now();
    if (much) this.#connection.pause();
    else this.#connection.resume();
  }

  /**
   * Signs off; what the server has handed over until then still comes in. When the session has moved
   * to another server, this one is given the time to hear of it.
   */
  async leave(name: string, moves: boolean): Promise<void> {
    this.#leaving = true;
    // What was held up comes in now: the connection ends only behind it.
    this.hold(false);
    if (this.legacy) {
      // The RTT server forgets a user only when it is told; the p2p server ignores it.
      writeDisconnect(this.out, name, DisconnectKind.Leave);
    } else if (this.#capabilities.has(Capability.Disconnect)) {
      writeDisconnect(this.out, name, moves ? DisconnectKind.Move : DisconnectKind.Leave);
    } else if (moves && this.receipts) {
      const timer = Promise.withResolvers<void>();
      const id = setTimeout(timer.resolve, NEWS_MS);
      await Promise.race([timer.promise, this.ended]);
      clearTimeout(id);
    }
    // The server may have stopped reading: then not even the end gets out.
    const giveUp = () => this.abort();
    let timer = setTimeout(giveUp, LEAVE_MS);
    if (!moves || !this.#capabilities.has(Capability.Disconnect)) await this.#connection.end();
    if (this.legacy) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, LEAVE_LEGACY_MS);
    }
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends at once; with a reason, {@linkcode ServerConnection.ended} tells it. */
  abort(reason?: NetlabError): void {
    this.#toldWhy ??= reason;
    this.#connection.abort(reason);
  }

  async #register({ name, session }: { name: string; session: string }): Promise<void> {
    writeInformationRequest(this.out, Information.Capabilities);
    const answer = await this.#answer();
    if (answer.type === FrameType.InformationResponse) {
      this.#capabilities = readCapabilities(answer.payload);
    }
    if (this.#capabilities.size === 0) {
      this.legacy = true;
      await this.#listServers();
      this.#readText();
      writeLegacyRegistration(this.out, name);
      return;
    }
    if (!this.#capabilities.has(Capability.Session)) {
      throw new NetlabError(
        ErrorCode.Unsupported,
        `Cannot register at ${this.address}: it takes no users`,
      );
    }
    this.#expected = Promise.withResolvers();
    writeSessionRegistration(this.out, { name, session, abilities: Ability.Batches });
    readSessionWelcome((await this.#answer()).payload);
  }

  /** The frame that the server sends next, of those that answer a question. */
  async #answer(): Promise<Frame> {
    const timer = setTimeout(() =>
      this.#expected.reject(
        new NetlabError(
          ErrorCode.TimedOut,
          `Cannot register at ${this.address}: it does not answer`,
        ),
      ), ANSWER_MS);
    try {
      return await this.#expected.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks which servers there are: once the user is registered here, only text comes in. */
  async #listServers(): Promise<void> {
    this.#expected = Promise.withResolvers();
    writeInformationRequest(this.out, Information.Servers);
    try {
      const { payload } = await this.#answer();
      this.#events.servers(readUncheckedItems(payload).filter(isAddress));
    } catch (error) {
      // Who does not answer that may serve users all the same.
      if (!(error instanceof NetlabError && error.code === ErrorCode.TimedOut)) throw error;
    }
  }

  #readText(): void {
    const texts = new LegacyTexts((text, isRest) => this.#events.text(text, isRest, this));
    this.#connection.readBytes((bytes) => {
      this.heardAt = performance.now();
      texts.add(bytes);
    });
    void this.ended.then(() => texts.end());
  }

  async #run(): Promise<NetlabError | undefined> {
    let reason = "the server hung up";
    // Nobody may be waiting for an answer when the connection ends.
    this.#expected.promise.catch(() => {});
    try {
      await this.#connection.run({
        frame: (frame) => this.#frame(frame),
        flush: () => this.heardAt = performance.now(),
        drained: () => this.#events.drained(this),
      });
    } catch (error) {
      if (error instanceof NetlabError) this.#toldWhy ??= error;
      else reason = reasonOf(error);
    }
    const lost = this.#toldWhy ??
      new NetlabError(ErrorCode.ConnectionLost, `Cannot go on with ${this.address}: ${reason}`, {
        fatal: true,
      });
    this.#expected.promise.catch(() => {});
    this.#expected.reject(lost);
    return this.#leaving ? undefined : lost;
  }

  #frame(frame: Frame): void {
    if (frame.type === FrameType.Error) return this.#error(readError(frame));
    const isList = frame.type === FrameType.InformationResponse &&
      frame.subtype === Information.Servers;
    if (isList && !this.legacy) return this.#events.servers(readServers(frame.payload));
    if (frame.type === FrameType.Disconnect && frame.subtype === DisconnectKind.MoveRequest) {
      return this.#events.asked(readServers(frame.payload), this);
    }
    if (!this.#registered && frame.type === FrameType.InformationResponse) {
      return this.#expected.resolve(frame.copy());
    }
    if (!this.#registered && frame.type === FrameType.Registration) {
      // From here on frames are the session's, even those that came in the same read.
      this.#registered = frame.subtype === Registration.Session;
      this.#expected.resolve(frame.copy());
    } else {
      this.#events.frame(frame, this);
    }
  }

  #error(error: NetlabError): void {
    if (!this.#registered) this.#expected.reject(error);
    if (!error.fatal) return;
    this.#toldWhy ??= error;
    void this.#connection.close();
  }
}
