/**
 * Users of a server: connected, signed on, and in pairs that were tried with one message. Owns what has
 * to be in order before anything is measured; measures nothing.
 *
 * @module
 */
import type { Load } from "../load.ts";
import {
  type Batch,
  type Counter,
  type Exchange,
  type Protocol,
  PROTOCOLS,
  type Talk,
} from "../protocols/mod.ts";
import { Socket } from "./libc.ts";

/** How long a server may take to answer: milliseconds. */
const ANSWER_MS = 10_000;
/** After this long without a delivery, the first message is sent again: milliseconds. */
const PROBE_EVERY_MS = 300;
/** When nothing came for so long, nothing more will: milliseconds. */
const QUIET_MS = 50;
/**
 * Bytes in one write, at most: what one segment takes on loopback is 65,483 (its MTU of 65,536 less the
 * headers of IP and TCP). Of a write that is a little longer the rest is a segment of its own, and all of
 * that costs a server a sixth more time, or not, depending on how long the names are.
 */
const BATCH_BYTES = 65_000;

/** How often a silent user shows that it is there: as netlab's client does, milliseconds. */
const SIGN_OF_LIFE_MS = 15_000;

/** Where everything that comes in is received. */
export const inbox: Uint8Array<ArrayBuffer> = new Uint8Array(256 * 1024);

/** A sender and its receiver, connected and signed on. */
export interface Pair {
  readonly talk: Talk;
  readonly sender: Socket;
  /** `undefined` where the sender's answers are what counts. */
  readonly receiver: Socket | undefined;
  readonly batch: Batch;
  /** Counts what is measured: deliveries, or answers where there is no receiver. */
  readonly counter: Counter;
  /** Counts what the sender hears besides. */
  readonly answers: Counter | undefined;
  /** How many of them for a message. */
  readonly answersPerMessage: number;
}

/** Users who have nothing to say while others join: a server may give up those that are silent. */
export class SilentUsers {
  readonly #signOfLife: Uint8Array<ArrayBuffer> | undefined;
  readonly #sockets: Socket[] = [];
  #shownAt = performance.now();

  /** Nobody yet. */
  constructor({ protocol }: Load) {
    this.#signOfLife = (PROTOCOLS[protocol] as Protocol).signOfLife;
  }

  /** Some more; all of them show that they are there, when it is time. */
  add(...sockets: (Socket | undefined)[]): void {
    for (const socket of sockets) if (socket) this.#sockets.push(socket);
    if (!this.#signOfLife || performance.now() - this.#shownAt < SIGN_OF_LIFE_MS) return;
    this.#shownAt = performance.now();
    for (const socket of this.#sockets) sendAll(socket, this.#signOfLife);
  }
}

/** Connects a user who only listens, and signs it on. */
export function connectUser({ protocol, port }: Load, name: string): Socket {
  const socket = Socket.connect(port);
  join(socket, (PROTOCOLS[protocol] as Protocol).join(name, "receiver"));
  return socket;
}

/** Signs a user on. */
function join(socket: Socket, exchanges: readonly Exchange[]): void {
  for (const { send, answered } of exchanges) {
    sendAll(socket, send);
    let received = new Uint8Array(0);
    until("the server answers a user who joins", () => {
      const count = receive(socket);
      if (count <= 0) return false;
      const more = new Uint8Array(received.length + count);
      more.set(received);
      more.set(inbox.subarray(0, count), received.length);
      received = more;
      return answered(received);
    });
  }
}

/** Connects a pair; it is not tried yet. */
export function connectPair(load: Load, index: number, most: number): Pair {
  const protocol: Protocol = PROTOCOLS[load.protocol];
  const talk = talkOf(load, index);
  const deliveries = protocol.deliveries(talk);
  const answers = protocol.answers(talk);
  const counter = deliveries ?? answers;
  if (!counter) throw new TypeError(`Cannot measure ${load.protocol}: nothing comes back`);
  let receiver: Socket | undefined;
  if (deliveries) {
    receiver = Socket.connect(load.receiverPort);
    join(receiver, protocol.join(talk.receiver, "receiver"));
  }
  const sender = Socket.connect(load.port);
  join(sender, protocol.join(talk.sender, "sender"));
  const batch = protocol.batch(talk, BATCH_BYTES, most);
  const { answersPerMessage = 1 } = protocol;
  return {
    ...{ talk, sender, receiver, batch, counter, answersPerMessage },
    answers: deliveries && answers,
  };
}

/** Sends a message until one arrives: the servers may have to hear of the users first. */
export function probe(pair: Pair): void {
  const { talk, sender, receiver, batch, counter, answers, answersPerMessage } = pair;
  const listening = receiver ?? sender;
  let sent = 0;
  let arrived = 0;
  let answered = 0;
  let sentAt = -Infinity;
  let heardAt = 0;
  const listen = () => {
    const length = receive(listening);
    if (length > 0) {
      heardAt = performance.now();
      arrived += counter.take(inbox, length);
      const reply = counter.reply?.();
      if (reply) sendAll(listening, reply);
    }
    if (receiver) answered += hear(sender, answers);
  };
  until(`a message from ${talk.sender} reaches ${talk.receiver}`, () => {
    if (performance.now() - sentAt > PROBE_EVERY_MS) {
      sendAll(sender, batch.next(1));
      sentAt = performance.now();
      sent++;
    }
    listen();
    return arrived > 0;
  });
  until("the server has answered", () => {
    listen();
    // Of what was sent too early, nobody can say how much still comes.
    if (sent > 1) return performance.now() - heardAt > QUIET_MS;
    return !answers || answered >= answersPerMessage;
  });
  if (!counter.whole) {
    throw new Error("Cannot count messages: they have another size than expected");
  }
}

/** Drops what a sender is told, or counts it: how many answers. */
export function hear(sender: Socket, answers: Counter | undefined): number {
  let heard = 0;
  for (let count; (count = receive(sender)) > 0;) heard += answers?.take(inbox, count) ?? 0;
  return heard;
}

/** Receives what is there, at most what fits into {@linkcode inbox}. */
export function receive(socket: Socket): number {
  const count = socket.receive(inbox);
  if (count === 0) throw new Error("The server ended a connection");
  return count;
}

/** Sends all of it, however long the server takes. */
export function sendAll(socket: Socket, bytes: Uint8Array<ArrayBuffer>): void {
  let at = 0;
  until("the server reads", () => {
    if (at < bytes.length) at += socket.send(bytes.subarray(at));
    return at === bytes.length;
  });
}

/** Looks again and again, without sleeping: the generator has a core to itself. */
export function until(what: string, done: () => boolean, ms: number = ANSWER_MS): void {
  const deadline = performance.now() + ms;
  while (!done()) {
    if (performance.now() > deadline) throw new Error(`Waited ${ms} ms in vain until ${what}`);
  }
}

/** Names are equally long, so that all messages of a run are. */
function talkOf({ tag, size }: Load, index: number): Talk {
  const number = String(index).padStart(4, "0");
  return { sender: `s${tag}${number}`, receiver: `r${tag}${number}`, size };
}
