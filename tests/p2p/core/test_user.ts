/**
 * A user on a {@linkcode VirtualNetwork} that records frames as a session, or plain text as a legacy
 * client. It removes no duplicates, and acknowledges durable messages unless it is told not to.
 *
 * @module
 */
import {
  Ability,
  Capability,
  ErrorCode,
  type Frame,
  FrameType,
  Information,
  type Message,
  MessageKind,
  type NetlabError,
  readBatch,
  readError,
  readMessage,
  readReceipts,
  type Receipt,
  ReceiptState,
  sessionIdOf,
  writeBatch,
  writeInformationRequest,
  writeInformationResponse,
  writeLegacyRegistration,
  writeMessage,
  writeReceipts,
  writeSessionRegistration,
} from "@netlab/protocol";
import type { VirtualConnection, VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";

/** How often a session sends a request, as a sign of life: milliseconds. */
const ASK_EVERY_MS = 15_000;

/** Options of a {@linkcode TestUser}. */
export interface TestUserOptions {
  /** Is a legacy client: reads plain text. */
  legacy?: boolean;
  /** The session's key; a new one by default. */
  key?: string;
  /** Reads batches. */
  batches?: boolean;
  /** Shows no sign of life by itself. */
  mute?: boolean;
  /** Acknowledges nothing by itself. */
  forgetful?: boolean;
}

/** One user. */
export class TestUser {
  readonly name: string;
  /** The session's key. */
  readonly key: string;
  /** The session's id, by which servers know it. */
  readonly session: string;
  /** Its address in the network. */
  readonly party: string;
  /** The messages that arrived, in order. */
  readonly messages: Message[] = [];
  /** The frames in which they came. */
  readonly deliveries: Frame[] = [];
  readonly receipts: Receipt[] = [];
  readonly errors: NetlabError[] = [];
  /** The plain text that arrived. */
  text = "";
  /** How often a server has accepted its registration. */
  welcomes = 0;
  /** The connection that was opened last. */
  connection: VirtualConnection | undefined;
  readonly #network: VirtualNetwork;
  readonly #options: TestUserOptions;

  constructor(network: VirtualNetwork, name: string, options: TestUserOptions = {}) {
    this.#network = network;
    this.#options = options;
    this.name = name;
    this.key = options.key ?? network.uuid();
    this.session = sessionIdOf(this.key);
    this.party = `user-${network.uuid()}:1`;
  }

  /** Opens a connection, without registering. */
  dial({ address }: { address: string }): this {
    const before = this.connection;
    this.#network.dial(this.party, address, {
      connected: (connection) => this.#run(connection),
      failed: (reason) => {
        throw new Error(`Cannot connect ${this.name} to ${address}: ${reason}`);
      },
    });
    this.#network.until(() => this.connection !== before, 6_000);
    return this;
  }

  /** Opens a connection and registers. The answer comes later. */
  register(server: { address: string }): this {
    return this.dial(server).claim();
  }

  /** Registers on the open connection, again if it was refused. The answer comes later. */
  claim(): this {
    const { out } = this.connection!;
    if (this.#options.legacy) writeLegacyRegistration(out, this.name);
    else {
      const { name, key } = this;
      const abilities = this.#options.batches ? Ability.Batches : 0;
      writeSessionRegistration(out, { name, session: key, abilities });
    }
    return this;
  }

  /** Registers, and waits until the server has the user. */
  at(node: VirtualNode): this {
    const before = node.core.users.get(this.name);
    this.register(node);
    this.#network.until(() => (node.core.users.get(this.name) ?? before) !== before, 5_000);
    return this;
  }

  /** Sends a message, and returns its id. */
  send(
    recipient: string,
    text: string,
    { id = this.#network.uuid(), kind = MessageKind.Durable as number, sender = this.name } = {},
  ): string {
    writeMessage(this.connection!.out, { id, sender, recipient, text }, kind);
    return id;
  }

  /** Sends texts in a batch, and returns the ids of its messages. */
  sendBatch(
    recipient: string,
    texts: readonly string[],
    { id = sequenceId(this.#network), sender = this.name } = {},
  ): string[] {
    writeBatch(this.connection!.out, { id, sender, recipient, texts });
    return idsFrom(id, texts.length);
  }

  /** Acknowledges messages. */
  acknowledge(...ids: string[]): void {
    const state = ReceiptState.Delivered;
    const receipts = ids.map((id) => ({ id, state, code: 0, reason: "" }));
    writeReceipts(this.connection!.out, receipts);
  }

  /** The texts of the messages that came from `sender`, in order. */
  textsFrom(sender: string): string[] {
    return this.messages.filter((message) => message.sender === sender).map(({ text }) => text);
  }

  /** Every receipt for a message. */
  receiptsFor(id: string): Receipt[] {
    return this.receipts.filter((receipt) => receipt.id === id);
  }

  /** The states of a message so far, from its receipts. */
  statesOf(id: string): number[] {
    return this.receiptsFor(id).map(({ state }) => state);
  }

  /** Whether a server has accepted a message. */
  isAccepted(id: string): boolean {
    return this.statesOf(id).includes(ReceiptState.Accepted);
  }

  /** Whether a message was delivered, so far. */
  isDelivered(id: string): boolean {
    return this.statesOf(id).includes(ReceiptState.Delivered);
  }

  /** The code with which a message was refused; `undefined` when it was not. */
  refusalOf(id: string): number | undefined {
    return this.receiptsFor(id).find(({ state }) => state === ReceiptState.Refused)?.code;
  }

  /** The names of the errors that came. */
  errorNames(): (string | undefined)[] {
    return this.errors.map(({ code }) =>
      Object.entries(ErrorCode).find(([, value]) => value === code)?.[0]
    );
  }

  #run(connection: VirtualConnection): void {
    this.connection = connection;
    const decoder = new TextDecoder();
    connection.start({
      frame: (frame) => this.#frame(connection, frame),
      ...this.#options.legacy && {
        bytes: (bytes) => this.text += decoder.decode(bytes, { stream: true }),
      },
    });
    if (this.#options.mute || this.#options.legacy) return;
    const ask = () => {
      if (connection.closed) return;
      writeInformationRequest(connection.out, Information.Servers);
      this.#network.after(ASK_EVERY_MS, ask);
    };
    this.#network.after(ASK_EVERY_MS, ask);
  }

  #frame(connection: VirtualConnection, frame: Frame): void {
    switch (frame.type) {
      case FrameType.InformationRequest:
        if (this.#options.mute) return;
        return writeInformationResponse(connection.out, frame.subtype, [Capability.Session]);
      case FrameType.Registration:
        this.welcomes++;
        return;
      case FrameType.Message:
        this.deliveries.push(frame.copy());
        if (frame.subtype === MessageKind.Batch) {
          const { id, sender, recipient, texts } = readBatch(frame.payload);
          const ids = idsFrom(id, texts.length);
          for (const [i, text] of texts.entries()) {
            this.messages.push({ id: ids[i]!, sender, recipient, text });
          }
          return;
        }
        this.messages.push(readMessage(frame.payload));
        if (frame.subtype === MessageKind.Durable && !this.#options.forgetful) {
          const { id } = this.messages.at(-1)!;
          const receipt = { id, state: ReceiptState.Delivered, code: 0, reason: "" };
          writeReceipts(connection.out, [receipt]);
        }
        return;
      case FrameType.Receipt:
        this.receipts.push(...readReceipts(frame.payload));
        return;
      case FrameType.Error:
        this.errors.push(readError(frame));
        return;
    }
  }
}

/** The first id of a new stream. */
export function sequenceId(network: VirtualNetwork): string {
  return network.uuid().replace(/^(.{14})4(.{13}).*$/, "$18$200000000");
}

/** So many consecutive sequence ids, from `id` on. */
export function idsFrom(id: string, count: number): string[] {
  const number = Number.parseInt(id.slice(-8), 16);
  return Array.from(
    { length: count },
    (_, i) => id.slice(0, -8) + (number + i).toString(16).padStart(8, "0"),
  );
}
