/**
 * Frames of type 10: requests for the status, the events and the users of any server, and the answers. Owns how they
 * are forwarded. `status_answers.ts` owns what this server answers.
 *
 * @module
 */
import {
  Capability,
  ErrorCode,
  type EventsRequest,
  type Frame,
  NetlabError,
  NIL_UUID,
  readEventsRequest,
  readRequestNumber,
  readStatusRequest,
  readUsersRequest,
  StatusKind,
  type StatusRequest,
  type UsersRequest,
  writeRenumbered,
  writeStatusFailure,
} from "@netlab/protocol/codec";
import { PAUSE_BYTES } from "../connection/back_pressure.ts";
import type { Connection } from "../connection/connection.ts";
import type { Context } from "../host.ts";
import { MAX_HOPS, type ServerNetwork } from "../mesh/server_network.ts";
import { Peer } from "../mesh/peer.ts";
import type { StatusAnswers } from "./status_answers.ts";
import { type WaitingRequest, WaitingRequests } from "./waiting_requests.ts";

/** How many bytes of an answer are as much work as a small frame. */
const BYTES_PER_UNIT = 1_000;

/** A request of any kind. */
type Request = StatusRequest & Partial<EventsRequest & UsersRequest>;

/** Handles requests and answers of one server. */
export class StatusRequests {
  readonly #context: Context;
  readonly #mesh: ServerNetwork;
  readonly #answers: StatusAnswers;
  readonly #waiting = new WaitingRequests();

  /** Starts without requests. */
  constructor(context: Context, mesh: ServerNetwork, answers: StatusAnswers) {
    this.#context = context;
    this.#mesh = mesh;
    this.#answers = answers;
  }

  /**
   * Handles a frame of type 10.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.UnknownType} if its subtype is not known, or if it is an answer that
   *   does not come from a server, {@linkcode ErrorCode.Malformed} if it cannot be read.
   */
  received(from: Connection, frame: Frame): void {
    const request = readRequest(frame);
    if (request) return this.#asked(from, frame, request);
    if (!isAnswer(frame) || !(from.party instanceof Peer)) {
      throw new NetlabError(
        ErrorCode.UnknownType,
        `Cannot take a frame of type ${frame.type}/${frame.subtype} here: it is not known`,
      );
    }
    const waiting = this.#waiting.take(readRequestNumber(frame.payload), from);
    if (!waiting) return;
    const isFailure = frame.subtype === StatusKind.Failure;
    if (!isFailure && frame.subtype !== waiting.kind + 1) return;
    this.#passOn(waiting, frame);
  }

  /** Tells who has asked that no answer came in time. */
  tick(): void {
    this.#answers.tick();
    for (const request of this.#waiting.takeOverdue(this.#context.now)) {
      this.#fail(request, unreachable("that server did not answer in time"));
    }
  }

  /** Handles the end of a connection. */
  closed(connection: Connection): void {
    for (const request of this.#waiting.closed(connection)) {
      this.#fail(request, unreachable("the link to the next server on the route is lost"));
    }
  }

  #asked(from: Connection, frame: Frame, request: Request): void {
    const { number, target } = request;
    try {
      this.#waiting.count(from, this.#context.now);
      if (target === NIL_UUID || target === this.#context.id) this.#answer(from, frame, request);
      else this.#forward(from, frame, request);
    } catch (error) {
      if (!(error instanceof NetlabError)) throw error;
      this.#fail({ asker: from, number }, error);
    }
  }

  #answer(from: Connection, { subtype }: Frame, request: Request): void {
    const { out } = from;
    const hops = from.party instanceof Peer ? 1 : 0;
    const before = out.length;
    if (subtype === StatusKind.StatusRequest) this.#answers.status(out, request, hops);
    else if (subtype === StatusKind.EventsRequest) {
      this.#answers.events(out, request as EventsRequest, hops);
    } else this.#answers.users(out, request as UsersRequest, hops);
    from.charge(Math.floor(Math.max(0, out.length - before) / BYTES_PER_UNIT));
  }

  #forward(asker: Connection, frame: Frame, { number, target }: Request): void {
    const next = this.#mesh.nextHop(target);
    if (!next) throw unreachable("no route leads to that server");
    if (next.connection === asker) throw unreachable("the route to it is changing; ask again");
    const hops = asker.party instanceof Peer ? (frame.reserved || 1) + 1 : 1;
    if (hops > MAX_HOPS) {
      throw new NetlabError(
        ErrorCode.TooManyHops,
        `Cannot ask that server: the request went over ${MAX_HOPS} servers without arriving`,
      );
    }
    if (next.capabilities.size === 0) throw unreachable("the link to it is new; ask again");
    if (!next.capabilities.has(Capability.Status)) {
      throw new NetlabError(
        ErrorCode.Unsupported,
        `Cannot ask that server: ${next.address}, on the route, is too old to answer; update it`,
      );
    }
    if (next.out.length > PAUSE_BYTES) throw busy("too much waits on the link to that server");
    const request = { asker, number, kind: frame.subtype, to: next.connection };
    const own = this.#waiting.add(request, this.#context.now);
    writeRenumbered(next.out, frame, own, hops);
  }

  #fail({ asker, number }: Pick<WaitingRequest, "asker" | "number">, error: NetlabError): void {
    this.#context.counters.refused(error.code);
    writeStatusFailure(asker.out, { number, error }, asker.party instanceof Peer ? 1 : 0);
  }

  #passOn(request: WaitingRequest, frame: Frame): void {
    const { asker, number } = request;
    const isPeer = asker.party instanceof Peer;
    // Nobody waits for the answers to be read: what does not fit is replaced by a short one.
    if (asker.out.length > Math.min(asker.maxReplyBytes, PAUSE_BYTES)) {
      return this.#fail(request, busy("too many answers wait to be read"));
    }
    writeRenumbered(asker.out, frame, number, isPeer ? (frame.reserved || 1) + 1 : 0);
  }
}

/** Reads a request as a whole, so that nothing malformed is forwarded. Returns `undefined` for other frames. */
function readRequest({ subtype, payload }: Frame): Request | undefined {
  switch (subtype) {
    case StatusKind.StatusRequest:
      return readStatusRequest(payload);
    case StatusKind.EventsRequest:
      return readEventsRequest(payload);
    case StatusKind.UsersRequest:
      return readUsersRequest(payload);
  }
}

function isAnswer({ subtype }: Frame): boolean {
  return subtype === StatusKind.StatusAnswer || subtype === StatusKind.EventsAnswer ||
    subtype === StatusKind.UsersAnswer || subtype === StatusKind.Failure;
}

function unreachable(reason: string): NetlabError {
  return new NetlabError(ErrorCode.ServerUnreachable, `Cannot ask that server: ${reason}`);
}

function busy(reason: string): NetlabError {
  return new NetlabError(ErrorCode.TooManyRequests, `Cannot ask that server: ${reason}`);
}
