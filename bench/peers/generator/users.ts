/**
 * Users of a server: connected, joined, and in pairs that have exchanged a first message. Makes sure that
 * everything works before it is measured.
 *
 * @module
 */
import type { Load } from "../load.ts";
import { PROTOCOLS } from "../protocols/mod.ts";
import type { Batch, Counter, Protocol } from "../protocols/protocol.ts";
import { Socket } from "./libc.ts";

/** Milliseconds that a server may take to answer. */
const ANSWER_MS = 10_000;
/** Milliseconds without a delivery after which the first message is sent again. */
const PROBE_EVERY_MS = 300;
/** Milliseconds of silence after which nothing more is expected. */
const QUIET_MS = 50;
/**
 * Longest write: bytes. One TCP segment on loopback takes 65,483 (the MTU of 65,536 less the headers). A
 * slightly longer write makes a second, short segment, which costs some servers a sixth more time.
 */
const BATCH_BYTES = 65_000;
/** Milliseconds between two signs of life of an idle user, as in netlab's client. */
const SIGN_OF_LIFE_MS = 15_000;

/** Where all incoming bytes are received. */
export const inbox: Uint8Array<ArrayBuffer> = new Uint8Array(256 * 1024);

/** A sender and its receiver, connected and joined. */
export interface Pair {
  readonly sender: Socket;
  /** `undefined` if the answers to the sender are what counts. */
  readonly receiver: Socket | undefined;
  readonly batch: Batch;
  /** Counts deliveries, or answers if there is no receiver. */
  readonly counter: Counter;
  /** Counts the other answers to the sender. */
  readonly answers: Counter | undefined;
  readonly answersPerMessage: number;
}

/** Users who stay connected while others join. */
export class Crowd {
  readonly #load: Load;
  readonly #sockets: Socket[] = [];
  #pairs = 0;
  #users = 0;
  #shownAt = performance.now();

  /** An empty crowd. */
  constructor(load: Load) {
    this.#load = load;
  }

  /** Connects a pair that may send up to `most` messages at once, and sends a first message. */
  addPair(most: number): Pair {
    const { tag, size, port, receiverPort } = this.#load;
    const protocol = this.#protocol;
    // All names have the same length, so all messages of a run have, too.
    const number = String(this.#pairs++).padStart(4, "0");
    const talk = { sender: `s${tag}${number}`, receiver: `r${tag}${number}`, size };
    const deliveries = protocol.deliveries?.(talk);
    const answers = protocol.answers?.(talk);
    const receiver = deliveries && this.#connect(receiverPort, talk.receiver, "receiver");
    const sender = this.#connect(port, talk.sender, "sender");
    const pair: Pair = {
      ...{ sender, receiver, batch: protocol.batch(talk, BATCH_BYTES, most) },
      counter: (deliveries ?? answers)!,
      answers: deliveries && answers,
      answersPerMessage: protocol.answersPerMessage ?? 1,
    };
    probe(pair);
    this.#stay(sender);
    if (receiver) this.#stay(receiver);
    return pair;
  }

  /** Connects a user who only receives. */
  addUser(): void {
    this.#stay(this.connectVisitor());
  }

  /** Connects a user who only receives and will leave again. */
  connectVisitor(): Socket {
    const number = String(this.#users++).padStart(6, "0");
    return this.#connect(this.#load.port, `i${this.#load.tag}${number}`, "receiver");
  }

  get #protocol(): Protocol {
    return PROTOCOLS[this.#load.protocol];
  }

  #connect(port: number, name: string, role: "sender" | "receiver"): Socket {
    const socket = Socket.connect(port);
    for (const { send, answered } of this.#protocol.join(name, role)) {
      sendAll(socket, send);
      const received: number[] = [];
      until("the server answers a user who joins", () => {
        const count = receive(socket);
        for (let at = 0; at < count; at++) received.push(inbox[at]!);
        return count > 0 && answered(Uint8Array.from(received));
      });
    }
    return socket;
  }

  /** Adds a user, and sends a sign of life of all users when it is time. */
  #stay(socket: Socket): void {
    this.#sockets.push(socket);
    const { signOfLife } = this.#protocol;
    if (!signOfLife || performance.now() - this.#shownAt < SIGN_OF_LIFE_MS) return;
    this.#shownAt = performance.now();
    for (const socket of this.#sockets) sendAll(socket, signOfLife);
  }
}

/** Sends a message until one arrives: two servers may not have told each other about the users yet. */
function probe(pair: Pair): void {
  const { sender, receiver, batch, counter, answers, answersPerMessage } = pair;
  let sent = 0;
  let arrived = 0;
  let answered = 0;
  let sentAt = -Infinity;
  let receivedAt = 0;
  const look = () => {
    const count = take(pair);
    if (count >= 0) receivedAt = performance.now();
    arrived += Math.max(0, count);
    if (receiver) answered += takeAnswers(pair);
  };
  until("a first message arrives", () => {
    if (performance.now() - sentAt > PROBE_EVERY_MS) {
      sendAll(sender, batch.next(1));
      sentAt = performance.now();
      sent++;
    }
    look();
    return arrived > 0;
  });
  until("the server has answered the first message", () => {
    look();
    // If several were sent, it is unknown how many of them still arrive.
    if (sent > 1) return performance.now() - receivedAt > QUIET_MS;
    return !answers || answered >= answersPerMessage;
  });
  if (!counter.whole) {
    throw new Error("Cannot count messages: their length is not the expected one");
  }
}

/** Receives deliveries, or answers if they count, and replies. Returns their number, -1 without bytes. */
export function take({ sender, receiver, counter }: Pair): number {
  const socket = receiver ?? sender;
  const length = receive(socket);
  if (length < 0) return -1;
  const count = counter.take(inbox, length);
  const reply = counter.reply?.();
  if (reply) sendAll(socket, reply);
  return count;
}

/** Receives what the server has sent to the sender, and returns the number of answers. */
export function takeAnswers({ sender, answers }: Pair): number {
  const length = receive(sender);
  return length > 0 && answers ? answers.take(inbox, length) : 0;
}

/** Receives bytes into {@linkcode inbox} and returns their number, -1 if there are none. */
function receive(socket: Socket): number {
  const count = socket.receive(inbox);
  if (count === 0) throw new Error("The server closed a connection");
  return count;
}

/** Sends all of the bytes, however long the server takes. */
export function sendAll(socket: Socket, bytes: Uint8Array<ArrayBuffer>): void {
  let at = 0;
  until("the server reads", () => {
    if (at < bytes.length) at += socket.send(bytes.subarray(at));
    return at === bytes.length;
  });
}

/** Repeats `done` until it returns true. It does not sleep: the generator has a core of its own. */
export function until(what: string, done: () => boolean, ms: number = ANSWER_MS): void {
  const deadline = performance.now() + ms;
  while (!done()) {
    if (performance.now() > deadline) throw new Error(`Waited ${ms} ms in vain until ${what}`);
  }
}
