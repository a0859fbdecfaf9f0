/**
 * A user on a {@linkcode VirtualNetwork} with the real `ClientSession`: what has no receipt is sent again
 * on the next connection, copies are dropped, and what the program took is acknowledged. Owns connecting,
 * moving and coming back.
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
  type Outlet,
  PublishQueue,
  User,
} from "@netlab/p2p/core";
import type { HistoryEvent } from "../../checker/history.ts";
import { pick, seeded } from "../../random.ts";
import type { VirtualConnection } from "./virtual_connection.ts";
import type { VirtualNetwork } from "./virtual_network.ts";

const TICK_MS = 250;
const ASK_EVERY_MS = 15_000;
const TRY_AGAIN_MS = 200;

/** A server that says this does not take the user. */
const REFUSED: ReadonlySet<number> = new Set([ErrorCode.NameTaken, ErrorCode.ServerClosing]);

/** Lets servers sign users off. */
export const disconnectRules: ReadonlyMap<number, FrameRule> = new Map([[FrameType.Disconnect, {
  capability: Capability.Disconnect,
  allowed: ({ party }) => party instanceof User,
  handle({ party }, frame, core) {
    if (!(party instanceof User) || readLegacyName(frame.payload) !== party.name) return;
    core.users.signOff(party, frame.subtype === DisconnectKind.Move);
  },
}]]);

/** One user. */
export class SessionClient {
  readonly name: string;
  readonly key: string;
  /** Messages, as the user sees them. */
  readonly messages: Message[] = [];
  /** How the story of each message that was sent ended, in the order in which that was known. */
  readonly outcomes = new Map<string, NetlabError | undefined>();
  /** The messages that are safe, in the order in which that was known. */
  readonly accepted = new Set<string>();
  /** The connection that it was registered on when it heard that a message is safe. */
  readonly acceptedOn = new Map<string, VirtualConnection | undefined>();
  /** Fatal errors of its servers. */
  readonly errors: NetlabError[] = [];
  /** The connection on which it is registered. */
  attached: VirtualConnection | undefined;
  /** What it is to the network: an address of its own. */
  readonly party: string;
  /** Hears that it is registered at a server. */
  onAttached: () => void = () => {};
  /** Whether the program takes what comes; else see {@linkcode SessionClient.take}. */
  taking = true;
  readonly #network: VirtualNetwork;
  readonly #session: ClientSession;
  readonly #posting: PublishQueue;
  readonly #onEvent: (event: HistoryEvent) => void;
  readonly #untaken: Incoming[] = [];
  readonly #connections = new Set<VirtualConnection>();
  #sent = 0;
  #crashed = false;
  /** Whether it looks for no server. */
  #away = false;
  /** Whether it left, and is not back at a server yet. */
  #hasLeft = false;
  /** Where it looks for a server after a loss; nowhere when empty. */
  readonly #servers: readonly string[];

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
    // Of its own, so that a run is the same whether or not anybody posts.
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
      network.after(TICK_MS, tick);
    };
    tick();
  }

  /** Registers at a server, and leaves the one of before, if any. */
  moveTo({ address }: { address: string }): this {
    this.#away = false;
    this.#open(address);
    return this;
  }

  /** The program takes what has come, and that is acknowledged. */
  take(): void {
    for (const incoming of this.#untaken.splice(0)) this.#session.take(incoming);
    this.#session.acknowledge();
  }

  /** Loses its connections, and looks for no other before it comes back. */
  leave(): void {
    this.#away = this.#hasLeft = true;
    this.#onEvent({ kind: "left", at: this.#network.now, user: this.name });
    for (const connection of this.#connections) connection.abort();
  }

  /** Looks for a server again. */
  comeBack(): void {
    this.#away = false;
    this.#lookAround();
  }

  /** The process is gone from one moment to the next. */
  crash(): void {
    this.#crashed = true;
    for (const connection of this.#connections) connection.vanish();
  }

  /** How many messages were sent whose story has not ended. */
  get pending(): number {
    return this.#sent - this.outcomes.size;
  }

  /** Sends a message; returns its id. `sequence` is its number among those to this recipient. */
  send(recipient: string, text: string, sequence = 0, timeoutMs = 30_000): string {
    const id = this.#network.uuid();
    this.#sent++;
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
          // No answer in time leaves open whether the network has it; all others are a no.
          if (error) return error.code === ErrorCode.TimedOut ? undefined : tell("refused");
          tell("accepted");
          this.accepted.add(id);
          this.acceptedOn.set(id, this.attached);
        },
        ended: (outcome) =>
          this.outcomes.set(id, outcome instanceof NetlabError ? outcome : undefined),
      },
    );
    return id;
  }

  /**
   * Posts a message, as `P2pClient.post` does. In what is told of it, its text stands for the id, which it gets
   * when it leaves. `sequence` is its number among those to this recipient.
   */
  post(recipient: string, text: string, sequence = 0): Promise<void> {
    const { name: sender } = this;
    const at = this.#network.now;
    this.#onEvent({ kind: "posted", at, id: text, sender, recipient, sequence });
    return this.#posting.post(recipient, text);
  }

  /** The texts of the messages that came from `sender`, in order. */
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

  #lookAround(): void {
    if (this.#servers.length === 0) return;
    this.#network.after(TRY_AGAIN_MS, () => {
      if (!this.attached && !this.#crashed && !this.#away) {
        this.#open(pick(this.#network.random, this.#servers));
      }
    });
  }

  #run(connection: VirtualConnection): void {
    const outlet = { out: connection.out, receipts: true, batches: true };
    this.#connections.add(connection);
    connection.start({
      frame: (frame) => {
        if (frame.type === FrameType.Registration) return this.#welcome(connection, outlet);
        if (frame.type === FrameType.Disconnect) {
          if (connection === this.attached) {
            this.#open(pick(this.#network.random, readServers(frame.payload)));
          }
          return;
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
    writeSessionRegistration(connection.out, { session, name, abilities: Ability.Batches });
    const ask = () => {
      if (connection.closed) return;
      writeInformationRequest(connection.out, Information.Servers);
      this.#network.after(ASK_EVERY_MS, ask);
    };
    this.#network.after(ASK_EVERY_MS, ask);
  }

  #welcome(connection: VirtualConnection, outlet: Outlet): void {
    const before = this.attached;
    this.attached = connection;
    if (this.#hasLeft) this.#onEvent({ kind: "returned", at: this.#network.now, user: this.name });
    this.#hasLeft = false;
    this.onAttached();
    // What the server of before keeps and what this one will keep are two queues: order is promised
    // within each.
    if (before) this.#onEvent({ kind: "disconnected", at: this.#network.now, user: this.name });
    this.#session.attach(outlet);
    if (before) writeDisconnect(before.out, this.name, DisconnectKind.Move);
  }
}
