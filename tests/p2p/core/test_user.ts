/**
 * A user on a {@linkcode VirtualNetwork} who keeps what comes in: frames as a session, or bare text. Does
 * nothing clever: what it sends twice goes out twice, what comes twice is kept twice. Acknowledges what
 * it is to acknowledge, unless it is told not to.
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
  writeBatch,
  writeInformationRequest,
  writeInformationResponse,
  writeLegacyRegistration,
  writeMessage,
  writeReceipts,
  writeSessionRegistration,
} from "@netlab/protocol";
import type { VirtualConnection, VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";

/** How often a session asks its server something, so that it is known to live: milliseconds. */
const ASK_EVERY_MS = 15_000;

/** How a {@linkcode TestUser} is. */
export interface TestUserOptions {
  /** Reads bare text. */
  bare?: boolean;
  /** The session's key; a new one by default. */
  session?: string;
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
  readonly session: string;
  /** What it is to the network: an address of its own. */
  readonly party: string;
  /** Messages, as they came. */
  readonly messages: Message[] = [];
  /** The frames in which they came. */
  readonly deliveries: Frame[] = [];
  readonly receipts: Receipt[] = [];
  readonly errors: NetlabError[] = [];
  /** Bare text. */
  text = "";
  /** Whether a server has welcomed it, and how often. */
  welcomes = 0;
  /** The connection that was opened last. */
  connection: VirtualConnection | undefined;
  readonly #network: VirtualNetwork;
  readonly #options: TestUserOptions;

  constructor(network: VirtualNetwork, name: string, options: TestUserOptions = {}) {
    this.#network = network;
    this.#options = options;
    this.name = name;
    this.session = options.session ?? network.uuid();
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
    this.dial(server);
    const { out } = this.connection!;
    if (this.#options.bare) writeLegacyRegistration(out, this.name);
    else {
      const { name, session } = this;
      const abilities = this.#options.batches ? Ability.Batches : 0;
      writeSessionRegistration(out, { name, session, abilities });
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
    { id = countedId(this.#network), sender = this.name } = {},
  ): string[] {
    writeBatch(this.connection!.out, { id, sender, recipient, texts });
    return idsFrom(id, texts.length);
  }

  /** Says that a message was taken. */
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

  /** What became of a message so far, state by state. */
  statesOf(id: string): number[] {
    return this.receiptsFor(id).map(({ state }) => state);
  }

  /** Whether a server keeps a message, or kept it. */
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
      ...this.#options.bare && {
        bytes: (bytes) => this.text += decoder.decode(bytes, { stream: true }),
      },
    });
    if (this.#options.mute || this.#options.bare) return;
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
export function countedId(network: VirtualNetwork): string {
  return network.uuid().replace(/^(.{14})4(.{13}).*$/, "$18$200000000");
}

/** So many ids in a row, from a counted one on. */
export function idsFrom(id: string, count: number): string[] {
  const number = Number.parseInt(id.slice(-8), 16);
  return Array.from(
    { length: count },
    (_, i) => id.slice(0, -8) + (number + i).toString(16).padStart(8, "0"),
  );
}
