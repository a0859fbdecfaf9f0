/**
 * A user on a {@linkcode VirtualNetwork} with the real `ClientSession`: what has no receipt is sent again
 * on the next connection, and copies are dropped. Owns connecting, moving and coming back.
 *
 * @module
 */
import {
  Capability,
  DisconnectKind,
  ErrorCode,
  FrameType,
  Information,
  type Message,
  type NetlabError,
  readBareName,
  readError,
  writeDisconnect,
  writeInformationRequest,
  writeSessionRegistration,
} from "@netlab/protocol";
import { ClientSession, type FrameRule } from "@netlab/p2p/core";
import { pick } from "./seeded.ts";
import type { VirtualConnection } from "./virtual_connection.ts";
import type { VirtualNetwork } from "./virtual_network.ts";

const TICK_MS = 250;
const ASK_EVERY_MS = 15_000;
const TRY_AGAIN_MS = 200;

/** Lets servers sign users off. */
export const disconnectRules: ReadonlyMap<number, FrameRule> = new Map([[FrameType.Disconnect, {
  capability: Capability.Disconnect,
  allowed: (link) => link.isUser,
  handle(link, frame, core) {
    if (readBareName(frame.payload) !== link.name) return;
    core.users.signOff(link, frame.subtype === DisconnectKind.Moves);
  },
}]]);

/** One user. */
export class SessionClient {
  readonly name: string;
  readonly key: string;
  /** Messages, as the user sees them. */
  readonly messages: Message[] = [];
  /** What became of each message that was sent, in the order in which that was known. */
  readonly outcomes = new Map<string, NetlabError | undefined>();
  /** Fatal errors of its servers. */
  readonly errors: NetlabError[] = [];
  /** The connection on which it is registered. */
  attached: VirtualConnection | undefined;
  readonly #network: VirtualNetwork;
  readonly #session: ClientSession;
  readonly #party: string;
  /** Where it looks for a server after a loss; nowhere when empty. */
  readonly #servers: readonly string[];

  constructor(network: VirtualNetwork, name: string, servers: readonly string[] = []) {
    this.#network = network;
    this.name = name;
    this.key = network.uuid();
    this.#party = `client-${this.key}:1`;
    this.#servers = servers;
    this.#session = new ClientSession((message) => this.messages.push(message), network.now);
    const tick = () => {
      this.#session.tick(network.now);
      network.after(TICK_MS, tick);
    };
    tick();
  }

  /** Registers at a server, and leaves the one of before, if any. */
  moveTo({ address }: { address: string }): this {
    this.#open(address);
    return this;
  }

  /** Sends a message; returns its id. */
  send(recipient: string, text: string, timeoutMs = 30_000): string {
    const id = this.#network.uuid();
    this.#session.send(
      { id, sender: this.name, recipient, text },
      this.#network.now + timeoutMs,
      (error) => this.outcomes.set(id, error),
    );
    return id;
  }

  /** The texts of the messages that came from `sender`, in order. */
  textsFrom(sender: string): string[] {
    return this.messages.filter((message) => message.sender === sender).map(({ text }) => text);
  }

  #open(address: string): void {
    this.#network.dial(this.#party, address, {
      connected: (connection) => this.#run(connection),
      failed: () => this.#lookAround(),
    });
  }

  #lookAround(): void {
    if (this.#servers.length === 0) return;
    this.#network.after(TRY_AGAIN_MS, () => {
      if (!this.attached) this.#open(pick(this.#network.random, this.#servers));
    });
  }

  #run(connection: VirtualConnection): void {
    const outlet = { out: connection.out, receipts: true };
    connection.start({
      frame: (frame) => {
        if (frame.type === FrameType.Registration) return this.#welcome(connection);
        if (frame.type !== FrameType.Error) return void this.#session.received(frame, outlet);
        const error = readError(frame);
        if (error.fatal || error.code === ErrorCode.NameTaken) {
          this.errors.push(error);
          connection.close();
        }
      },
      drained: () => this.#session.pump(),
      gone: () => {
        if (this.attached === connection) {
          this.attached = undefined;
          this.#session.detach();
        }
        if (!this.attached) this.#lookAround();
      },
    });
    writeSessionRegistration(connection.out, { session: this.key, name: this.name });
    const ask = () => {
      if (connection.closed) return;
      writeInformationRequest(connection.out, Information.Servers);
      this.#network.after(ASK_EVERY_MS, ask);
    };
    this.#network.after(ASK_EVERY_MS, ask);
  }

  #welcome(connection: VirtualConnection): void {
    const before = this.attached;
    this.attached = connection;
    this.#session.attach({ out: connection.out, receipts: true });
    if (before) writeDisconnect(before.out, this.name, DisconnectKind.Moves);
  }
}
