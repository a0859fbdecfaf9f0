/**
 * A user on a {@linkcode VirtualNetwork} with the shipped `ClientSession`. Connects, moves and reconnects,
 * and reports the events of the user for the checker.
 *
 * @module
 */
import {
  Ability,
  Capability,
  DisconnectKind,
  ErrorCode,
  FrameType,
  Information,
  type Message,
  NetlabError,
  readError,
  readLegacyName,
  readServers,
  uuidWords,
  writeDisconnect,
  writeInformationRequest,
  writeSessionRegistration,
} from "@netlab/protocol";
import {
  ClientSession,
  type FrameRule,
  type Incoming,
  MessageIds,
  PublishQueue,
  type SessionConnection,
  User,
} from "@netlab/p2p/core";
import type { HistoryEvent } from "../../checker/history.ts";
import { pick, seeded } from "../../random.ts";
import type { VirtualConnection } from "./virtual_connection.ts";
import type { VirtualNetwork } from "./virtual_network.ts";

const TICK_MS = 250;
const ASK_EVERY_MS = 15_000;
const TRY_AGAIN_MS = 200;
/** How long a move may take before another server is tried: milliseconds. */
const MOVE_AGAIN_MS = 2_000;

/** Errors with which a server refuses the user, although they are not fatal. */
const REFUSED: ReadonlySet<number> = new Set([ErrorCode.NameTaken, ErrorCode.ServerClosing]);

/** Errors after which a message may have arrived. All others are refusals. */
const UNKNOWN: ReadonlySet<number> = new Set([ErrorCode.TimedOut, ErrorCode.NotStored]);

/** The frame rules with which virtual servers sign users off. For `VirtualNodeOptions.rules`. */
export const disconnectRules: ReadonlyMap<number, FrameRule> = new Map([[FrameType.Disconnect, {
  capability: Capability.Disconnect,
  allowed: ({ party }) => party instanceof User,
  handle({ party }, frame, core) {
    if (!(party instanceof User) || readLegacyName(frame.payload) !== party.name) return;
    core.users.signOff(party, frame.subtype === DisconnectKind.Move);
  },
}]]);

/** A user who sends and receives messages. It connects with {@linkcode SessionClient.moveTo}. */
export class SessionClient {
  /** The name of the user. */
  readonly name: string;
  /** The id of the session: a UUID. */
  readonly key: string;
  /** The messages that the user has seen, in order. */
  readonly messages: Message[] = [];
  /** The outcome of each settled durable message by id: an error, or `undefined` if it was delivered. */
  readonly outcomes: Map<string, NetlabError | undefined> = new Map();
  /** The ids of the accepted durable messages, in the order of their receipts. */
  readonly accepted: Set<string> = new Set();
  /** The connection on which the user was registered when the receipt arrived, by message id. */
  readonly acceptedOn: Map<string, VirtualConnection | undefined> = new Map();
  /** The errors with which servers refused or disconnected the user. */
  readonly errors: NetlabError[] = [];
  /** The connection on which the user is registered. `undefined` if there is none. */
  attached: VirtualConnection | undefined;
  /** The address of the user on the network, `host:port`. */
  readonly party: string;
  /** Called when the user is registered at a server. */
  onAttached: () => void = () => {};
  /** Whether the program takes messages by itself. If not, call {@linkcode SessionClient.take}. */
  taking = true;
  readonly #network: VirtualNetwork;
  readonly #session: ClientSession;
  readonly #posting: PublishQueue;
  readonly #onEvent: (event: HistoryEvent) => void;
  readonly #untaken: Incoming[] = [];
  readonly #connections = new Set<VirtualConnection>();
  readonly #sent = new Set<string>();
  #crashed = false;
  /** Whether the user left, and must not look for a server. */
  #away = false;
  /** Whether the user left, and is not registered at a server again. */
  #hasLeft = false;
  readonly #servers: readonly string[];

  /**
   * Creates a user who is not connected yet.
   *
   * @param servers The addresses of servers to reconnect to after a loss, `host:port`. Without any, the user
   *   does not reconnect.
   * @param onEvent Called with each event of the user, for the checker.
   */
  constructor(
    network: VirtualNetwork,
    name: string,
    servers: readonly string[] = [],
    onEvent: (event: HistoryEvent) => void = () => {},
  ) {
    this.#onEvent = onEvent;
    this.#network = network;
    this.name = name;
    this.key = network.uuid();
    this.party = `client-${this.key}:1`;
    this.#servers = servers;
    // A generator of its own, so that posting does not change the rest of the run.
    const random = seeded(Number.parseInt(this.key.slice(0, 8), 16));
    const ids = new MessageIds((bytes) => {
      for (let i = 0; i < bytes.length; i++) bytes[i] = 256 * random();
    });
    this.#posting = new PublishQueue(
      name,
      ids,
      (run) => network.after(0, () => this.#crashed || run()),
    );
    this.#session = new ClientSession(
      (incoming) => {
        const { message, isDurable } = incoming;
        const { sender, text } = message;
        const id = isDurable ? message.id : text;
        this.#onEvent({ kind: "seen", at: network.now, id, sender, recipient: name });
        this.messages.push(message);
        this.#untaken.push(incoming);
        if (this.taking) this.#network.after(2 * network.random(), () => this.take());
      },
      this.#posting,
      network.now,
    );
    const tick = () => {
      if (this.#crashed) return;
      this.#session.tick(network.now);
      this.#session.check();
      network.after(TICK_MS, tick);
    };
    tick();
  }

  /** Registers at a server, and then signs off from the previous one. */
  moveTo({ address }: { address: string }): this {
    this.#away = false;
    this.#open(address);
    return this;
  }

  /** Takes the received messages and acknowledges them. */
  take(): void {
    for (const incoming of this.#untaken.splice(0)) this.#session.take(incoming);
    this.#session.acknowledge();
  }

  /** Resets all connections, and does not reconnect before {@linkcode SessionClient.comeBack}. */
  leave(): void {
    this.#away = this.#hasLeft = true;
    this.#onEvent({ kind: "left", at: this.#network.now, user: this.name });
    for (const connection of this.#connections) connection.abort();
  }

  /** Reconnects after {@linkcode SessionClient.leave}. */
  comeBack(): void {
    this.#away = false;
    this.#lookAround();
  }

  /** Crashes the client: it stops at once and does nothing more. */
  crash(): void {
    this.#crashed = true;
    for (const connection of this.#connections) connection.vanish();
  }

  /** The number of durable messages that have no outcome yet. */
  get pending(): number {
    return this.#sent.size - this.outcomes.size;
  }

  /** The ids of the durable messages that have no outcome yet. */
  get pendingIds(): string[] {
    return [...this.#sent].filter((id) => !this.outcomes.has(id));
  }

  /**
   * Sends a durable message.
   *
   * @param sequence The number of the message among those to this recipient, for the checker.
   * @param timeoutMs How long to wait for acceptance: milliseconds.
   * @returns The id of the message.
   */
  send(recipient: string, text: string, sequence = 0, timeoutMs = 30_000): string {
    const id = this.#network.uuid();
    this.#sent.add(id);
    const { name: sender } = this;
    const tell = (kind: "accepted" | "refused") =>
      this.#onEvent({ kind, at: this.#network.now, id });
    this.#onEvent({ kind: "sent", at: this.#network.now, id, sender, recipient, sequence });
    this.#session.send(
      uuidWords(id, new Int32Array(4)),
      { sender, recipient, text },
      timeoutMs,
      {
        accepted: (error) => {
          // After a timeout, the message may have been accepted. All other errors are refusals.
          if (error) return UNKNOWN.has(error.code) ? undefined : tell("refused");
          tell("accepted");
          this.accepted.add(id);
          this.acceptedOn.set(id, this.attached);
        },
        settled: (outcome) =>
          this.outcomes.set(id, outcome instanceof NetlabError ? outcome : undefined),
      },
    );
    return id;
  }

  /**
   * Posts an ephemeral message, as `P2pClient.post` does. Its events have the text in place of the id, which
   * the message only gets when it leaves.
   *
   * @param text The text, unique in the run.
   * @param sequence The number of the message among those to this recipient, for the checker.
   */
  post(recipient: string, text: string, sequence = 0): Promise<void> {
    const { name: sender } = this;
    const at = this.#network.now;
    this.#onEvent({ kind: "posted", at, id: text, sender, recipient, sequence });
    return this.#posting.post(recipient, text);
  }

  /** Returns the texts of the messages from `sender` that the user has seen, in order. */
  textsFrom(sender: string): string[] {
    return this.messages.filter((message) => message.sender === sender).map(({ text }) => text);
  }

  #open(address: string): void {
    this.#network.dial(this.party, address, {
      connected: (connection) =>
        this.#crashed || this.#away ? connection.vanish() : this.#run(connection),
      failed: () => this.#lookAround(),
    });
  }

  /** Moves to one of the servers. Tries others as long as none takes the user. */
  #moveAway(from: VirtualConnection, servers: readonly string[]): void {
    if (from !== this.attached || this.#crashed || this.#away) return;
    this.#open(pick(this.#network.random, servers));
    this.#network.after(MOVE_AGAIN_MS, () => this.#moveAway(from, servers));
  }

  #lookAround(): void {
    if (this.#servers.length === 0) return;
    this.#network.after(TRY_AGAIN_MS, () => {
      if (!this.attached && !this.#crashed && !this.#away) {
        this.#open(pick(this.#network.random, this.#servers));
      }
    });
  }

  #run(connection: VirtualConnection): void {
    const asked: (() => void)[] = [];
    const request = (answered: () => void) => {
      asked.push(answered);
      writeInformationRequest(connection.out, Information.Servers);
    };
    const outlet = {
      out: connection.out,
      receipts: true,
      batches: true,
      isPaused: false,
      ask: request,
    };
    this.#connections.add(connection);
    connection.start({
      frame: (frame) => {
        if (frame.type === FrameType.Registration) return this.#welcome(connection, outlet);
        if (frame.type === FrameType.InformationResponse) return asked.shift()?.();
        if (frame.type === FrameType.Disconnect) {
          return this.#moveAway(connection, readServers(frame.payload));
        }
        if (frame.type !== FrameType.Error) return void this.#session.received(frame, outlet);
        const error = readError(frame);
        if (error.fatal || REFUSED.has(error.code)) {
          this.errors.push(error);
          connection.close();
        }
      },
      drained: () => this.#session.pump(),
      gone: () => {
        this.#connections.delete(connection);
        this.#session.detach(outlet);
        if (this.attached === connection) {
          this.attached = undefined;
          this.#onEvent({ kind: "disconnected", at: this.#network.now, user: this.name });
        }
        if (!this.attached) this.#lookAround();
      },
    });
    const { key: session, name } = this;
    writeSessionRegistration(connection.out, {
      session,
      name,
      abilities: Ability.Batches | Ability.Heartbeats,
    });
    const ask = () => {
      if (connection.closed) return;
      request(() => {});
      this.#network.after(ASK_EVERY_MS, ask);
    };
    this.#network.after(ASK_EVERY_MS, ask);
  }

  #welcome(connection: VirtualConnection, outlet: SessionConnection): void {
    const before = this.attached;
    this.attached = connection;
    if (this.#hasLeft) this.#onEvent({ kind: "returned", at: this.#network.now, user: this.name });
    this.#hasLeft = false;
    this.onAttached();
    // The old and the new server each have a queue of messages. Order is guaranteed within each queue only.
    if (before) this.#onEvent({ kind: "disconnected", at: this.#network.now, user: this.name });
    this.#session.attach(outlet);
    if (before) writeDisconnect(before.out, this.name, DisconnectKind.Move);
  }
}
