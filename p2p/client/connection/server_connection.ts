/**
 * A user's connection to one server, netlab or legacy. Owns how it notices that the server is gone, and which
 * frames are for whom. `handshake.ts` owns how it begins, `sign_off.ts` how it ends. Must not know what the
 * session's frames mean.
 *
 * @module
 */
import {
  Capability,
  DisconnectKind,
  ErrorCode,
  type Frame,
  FrameType,
  hostOf,
  type HostReach,
  Information,
  NetlabError,
  type ProtectedName,
  reachOf,
  readCapabilities,
  readError,
  readLoad,
  readNetwork,
  readServers,
  Registration,
  writeInformationRequest,
  writeLegacyRegistration,
} from "@netlab/protocol/codec";
import type { FrameConnection } from "@netlab/protocol/connection";
import { reasonOf } from "@netlab/protocol/system-errors";
import type { SessionConnection } from "../../core/session/client_session.ts";
import type { Verdict } from "../../core/session/liveness.ts";
import { Handshake } from "./handshake.ts";
import { LegacyTexts } from "./legacy_text.ts";
import type { OwnToken } from "../own_token.ts";
import { Protections } from "./protections.ts";
import { type RegisteringUser, registerSession } from "./registration.ts";
import { signOff } from "./sign_off.ts";
import { Silence } from "./silence.ts";

/** How many bytes of answers may wait for a server that asks and does not read. */
const MAX_REPLY_BYTES = 64 * 1024;
/** How many requests may be unanswered before no further ones are sent. */
const MAX_ASKED = 100;

/** Receives the events of a {@linkcode ServerConnection}. */
export interface ServerConnectionEvents {
  /** The server has stated its network, or `undefined`. An exception ends the connection before the server gets a name. */
  admit(server: string, network: string | undefined): void;
  /** The server has stated its network again, which may have become part of another one. */
  networkChanged(from: ServerConnection): void;
  /** A frame for the session arrived. */
  frame(frame: Frame, from: ServerConnection): void;
  /** A text from a legacy server arrived. `isRest` is set when it is the rest of the previous text. */
  text(text: string, isRest: boolean, from: ServerConnection): void;
  /** The server listed the servers that it knows. */
  servers(addresses: string[], from: ServerConnection): void;
  /** The server is about to close and asks the user to move to one of these servers. */
  moveRequested(servers: string[], from: ServerConnection): void;
  /** All pending bytes were written. */
  drained(from: ServerConnection): void;
}

/** A connection at which a user is registered, or will be. */
export class ServerConnection implements SessionConnection {
  /** The address that was dialled. */
  readonly address: string;
  /** Resolves when the connection has ended, with the reason unless this side ended it. */
  readonly ended: Promise<NetlabError | undefined>;
  /** Whether this is a legacy server, which delivers plain text and sends no receipts. */
  legacy = false;
  /** When the last bytes arrived: milliseconds of `performance.now()`. */
  heardAt: number = performance.now();
  readonly #connection: FrameConnection;
  readonly #events: ServerConnectionEvents;
  #capabilities: ReadonlySet<string> = new Set();
  readonly #handshake: Handshake;
  #registered = false;
  #isPaused = false;
  /** What to call when a request is answered, in the order of the requests. */
  readonly #asked: (() => void)[] = [];
  readonly #protections = new Protections();
  #leaving = false;
  /** Why the connection has ended; `undefined` while it is open. */
  #ended: NetlabError | undefined;
  readonly #silence = new Silence(performance.now());
  /** Why the connection ends, if that is known. */
  #reason: NetlabError | undefined;

  private constructor(
    address: string,
    connection: FrameConnection,
    events: ServerConnectionEvents,
  ) {
    this.address = address;
    this.#connection = connection;
    this.#events = events;
    this.#handshake = new Handshake(address, connection.out);
    this.ended = this.#run();
  }

  /**
   * Connects to a server and asks what it can do, but does not register the user yet.
   *
   * @param dialled The connection.
   * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when it cannot be reached or closes the
   *   connection, {@linkcode ErrorCode.TimedOut} when it does not answer, {@linkcode ErrorCode.Unsupported} when
   *   it does not accept users. Also the errors of {@linkcode ServerConnectionEvents.admit}.
   * @throws {unknown} The reason of `stop` when it aborts before the server has answered.
   */
  static async reach(
    address: string,
    dialled: Promise<FrameConnection>,
    events: ServerConnectionEvents,
    stop: AbortSignal,
  ): Promise<ServerConnection> {
    const connection = new ServerConnection(address, await dialled, events);
    await connection.#orAbort(stop, () => connection.#begin());
    return connection;
  }

  /**
   * Sends the client's token if the server's network has keys, and registers the user.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when the connection ends,
   *   {@linkcode ErrorCode.TimedOut} when the server does not answer, {@linkcode ErrorCode.NameTaken} and other
   *   codes when it refuses the user. The connection is then closed. Also the errors of {@linkcode OwnToken.for}.
   * @throws {unknown} The reason of `stop` when it aborts before the user is registered.
   */
  register(
    user: RegisteringUser,
    own: OwnToken,
    stop: AbortSignal,
  ): Promise<void> {
    return this.#orAbort(stop, async () => {
      const token = await own.for(this.address, this.#connection, this.#capabilities);
      if (this.#ended) throw this.#ended;
      if (token !== undefined) await this.#handshake.introduce(token);
      await this.#register(user);
    });
  }

  /** Closes a connection that is not needed, before the user is registered. */
  async dismiss(): Promise<void> {
    await this.#connection.close();
    await this.ended;
  }

  /** The writer for frames to the server. */
  get out(): FrameConnection["out"] {
    return this.#connection.out;
  }

  /** From where the server can be reached. */
  get reach(): HostReach {
    return reachOf(this.#connection.ip ?? hostOf(this.address));
  }

  /** Whether the server sends receipts. */
  get receipts(): boolean {
    return !this.legacy;
  }

  /** Whether the server accepts batches. */
  get batches(): boolean {
    return this.#capabilities.has(Capability.Batch);
  }

  /** The id of the server's network; `undefined` if the server does not state it. */
  get network(): string | undefined {
    return readNetwork(this.#capabilities);
  }

  /**
   * Asks the server which servers it knows, and which network it belongs to. The requests also show the server
   * that the user is alive.
   */
  askServers(): void {
    if (!this.receipts || this.#asked.length >= MAX_ASKED) return;
    writeInformationRequest(this.out, Information.Capabilities);
    this.ask(() => {});
  }

  ask(answered: () => void): void {
    this.#asked.push(answered);
    writeInformationRequest(this.out, Information.Servers);
  }

  /**
   * Asks for a sign of life when the server has been silent, and ends the connection when it does not answer.
   * Call it every 250 ms. Legacy servers are never asked, because this connection carries text.
   *
   * @param now The time of `performance.now()`: milliseconds.
   * @param isWaiting Whether messages wait for the server to accept them.
   */
  look(now: number, isWaiting: boolean): Verdict {
    // Nothing can be heard while reading is paused.
    if (this.legacy || this.#isPaused) return undefined;
    const verdict = this.#silence.look(now, {
      isWriting: this.#connection.isWriting,
      heardAt: this.heardAt,
      isWaiting,
      users: readLoad(this.#capabilities),
    });
    if (verdict === "ask") writeInformationRequest(this.out, Information.Capabilities);
    else if (verdict === "gone") {
      const message = `Lost the connection to ${this.address}: it is silent`;
      this.abort(new NetlabError(ErrorCode.TimedOut, message, { fatal: true }));
    }
    return verdict;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Stops or resumes reading. */
  pauseReading(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.heardAt = performance.now();
    if (isPaused) this.#connection.pause();
    else this.#connection.resume();
  }

  /**
   * Signs off. What the server has already sent still arrives. When the session has moved to another server,
   * this waits until the old server knows of the move.
   */
  async leave(name: string, moves: boolean): Promise<void> {
    this.#leaving = true;
    // The end of the connection can only be read after everything before it.
    this.pauseReading(false);
    await signOff(this.#connection, {
      name,
      moves,
      legacy: this.legacy,
      readsDisconnect: this.#capabilities.has(Capability.Disconnect),
      ended: this.ended,
      giveUp: () => this.abort(),
    });
  }

  /** Ends the connection at once. {@linkcode ServerConnection.ended} resolves to the reason, if there is one. */
  abort(reason?: NetlabError): void {
    this.#reason ??= reason;
    this.#connection.abort(reason);
  }

  /** Does a step of the registration. Closes the connection when that fails or `stop` aborts. */
  async #orAbort(stop: AbortSignal, step: () => Promise<void>): Promise<void> {
    const giveUp = () => this.abort();
    stop.addEventListener("abort", giveUp);
    try {
      stop.throwIfAborted();
      await step();
    } catch (error) {
      this.abort();
      throw stop.aborted ? stop.reason : error;
    } finally {
      stop.removeEventListener("abort", giveUp);
    }
  }

  async #begin(): Promise<void> {
    this.#capabilities = await this.#handshake.capabilities();
    this.#events.admit(this.address, this.network);
    if (this.#capabilities.size === 0) {
      this.legacy = true;
      const servers = await this.#handshake.legacyServers();
      if (servers) this.#events.servers(servers, this);
    } else if (!this.#capabilities.has(Capability.Session)) {
      throw new NetlabError(
        ErrorCode.Unsupported,
        `Cannot register at ${this.address}: it does not accept users`,
      );
    }
  }

  get #protectsNames(): boolean {
    return this.#capabilities.has(Capability.Secret);
  }

  async #register(user: RegisteringUser): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (this.legacy) {
      this.#readText();
      return writeLegacyRegistration(this.out, user.name);
    }
    const isProtected = await registerSession(this.#handshake, this.#capabilities, user);
    // The answer comes while the session is used already.
    if (isProtected) this.protect(user.secret!.protect(Date.now())).catch(() => {});
  }

  /**
   * Sends a record that protects the name, changes its secret, or drops it.
   *
   * @returns Resolves when the server has taken it.
   * @throws {NetlabError} {@linkcode ErrorCode.NameProtected} when another secret protects the name,
   *   {@linkcode ErrorCode.StorageFull} when the server protects as many names as it may,
   *   {@linkcode ErrorCode.Unsupported} when the server cannot protect names, {@linkcode ErrorCode.ConnectionLost}
   *   when the connection ends before.
   */
  async protect(record: ProtectedName): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (!this.#protectsNames) {
      const message = `Cannot protect the name: ${this.address} runs an older version`;
      throw new NetlabError(ErrorCode.Unsupported, message);
    }
    await this.#protections.ask(this.out, record);
  }

  #readText(): void {
    const texts = new LegacyTexts((text, isRest) => this.#events.text(text, isRest, this));
    this.#connection.readBytes((bytes, isCut) => {
      this.heardAt = performance.now();
      texts.add(bytes, isCut);
    });
    void this.ended.then(() => texts.end());
  }

  async #run(): Promise<NetlabError | undefined> {
    let reason = "the server closed the connection";
    try {
      await this.#connection.run({
        frame: (frame) => this.#frame(frame),
        maxReplyBytes: () => MAX_REPLY_BYTES,
        flush: () => this.heardAt = performance.now(),
        drained: () => {
          this.#silence.emptied(performance.now());
          this.#events.drained(this);
        },
      });
    } catch (error) {
      if (error instanceof NetlabError) this.#reason ??= this.#named(error);
      else reason = reasonOf(error);
    }
    const message = `Lost the connection to ${this.address}: ${reason}`;
    const lost = this.#reason ??
      new NetlabError(ErrorCode.ConnectionLost, message, { fatal: true });
    this.#ended = lost;
    this.#protections.end(lost);
    this.#handshake.failed(lost);
    return this.#leaving ? undefined : lost;
  }

  /** Adds the address to an error that only the address can cause. */
  #named(error: NetlabError): NetlabError {
    if (error.code !== ErrorCode.TlsFailed) return error;
    const message = `Cannot use ${this.address}: it requires TLS; use tls://${this.address}`;
    return new NetlabError(error.code, message, { cause: error, fatal: true });
  }

  #frame(frame: Frame): void {
    if (frame.type === FrameType.Error) return this.#error(readError(frame));
    const isList = frame.type === FrameType.InformationResponse &&
      frame.subtype === Information.Servers;
    if (isList && !this.legacy) {
      this.#events.servers(readServers(frame.payload), this);
      return this.#asked.shift()?.();
    }
    if (frame.type === FrameType.Disconnect && frame.subtype === DisconnectKind.MoveRequest) {
      return this.#events.moveRequested(readServers(frame.payload), this);
    }
    if (frame.type === FrameType.InformationResponse) {
      if (!this.#registered) this.#handshake.answered(frame);
      // The sign of life also tells how many users the server has now.
      else if (frame.subtype === Information.Capabilities) {
        this.#capabilities = readCapabilities(frame.payload);
        this.#events.networkChanged(this);
      }
      return;
    }
    if (this.#registered && frame.type === FrameType.Registration) {
      if (frame.subtype === Registration.Protect) this.#protections.taken();
      return;
    }
    if (frame.type === FrameType.Registration) {
      // All later frames are for the session, even those that arrived in the same read.
      this.#registered = frame.subtype === Registration.Session;
      this.#handshake.answered(frame);
    } else {
      this.#events.frame(frame, this);
    }
  }

  #error(stated: NetlabError): void {
    const error = this.#named(stated);
    if (!this.#registered) this.#handshake.failed(error);
    this.#protections.refused(error);
    if (!error.fatal) return;
    this.#reason ??= error;
    void this.#connection.close();
  }
}
