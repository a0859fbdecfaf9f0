/**
 * Requests for the status, the events and the users of servers over one connection, and their answers. Owns which
 * answer belongs to which request. Does not know the connection: the caller passes the frames that arrive. Also for
 * browsers.
 *
 * @module
 */
import {
  ErrorCode,
  type EventsAnswer,
  type Frame,
  FrameType,
  type FrameWriter,
  NetlabError,
  NIL_UUID,
  ProtocolError,
  readRequestNumber,
  readServerEvents,
  readServerStatus,
  readServerUsers,
  readStatusFailure,
  type ServerStatus,
  StatusKind,
  type UsersAnswer,
  type UserScope,
  writeEventsRequest,
  writeStatusRequest,
  writeUsersRequest,
} from "@netlab/protocol/codec";

/** How long an answer may take: milliseconds. Servers give up after two seconds and say so. */
const ANSWER_MS = 5_000;

/** What {@linkcode StatusQueries} need. */
export interface StatusQueriesHost {
  /** Writes frames to the server at the other end of the connection. */
  readonly out: FrameWriter;
  /** Calls `run` after so many milliseconds, unless the function that it returns is called before. */
  after(ms: number, run: () => void): () => void;
}

/** A request without an answer. */
interface Waiting {
  readonly kind: number;
  readonly cancel: () => void;
  readonly answered: (payload: Uint8Array) => void;
  readonly failed: (error: NetlabError) => void;
}

/**
 * Asks any server of a network over a connection to one of them. Each method throws a {@linkcode NetlabError}:
 * {@linkcode ErrorCode.ServerUnreachable} when no route leads to the target or it does not answer,
 * {@linkcode ErrorCode.Unsupported} when a server on the way is too old, {@linkcode ErrorCode.TooManyRequests} when
 * there are more requests than servers answer, {@linkcode ErrorCode.TimedOut} when the server at the other end is
 * silent for five seconds, and the error that {@linkcode StatusQueries.close} got.
 */
export class StatusQueries {
  readonly #host: StatusQueriesHost;
  readonly #waiting = new Map<number, Waiting>();
  #number = 0;
  #closed: NetlabError | undefined;

  /** Starts without requests. */
  constructor(host: StatusQueriesHost) {
    this.#host = host;
  }

  /**
   * Asks for the status of a server.
   *
   * @param target The id of the server; without it, the one at the other end.
   */
  status(target: string = NIL_UUID): Promise<ServerStatus> {
    return this.#ask(
      target,
      StatusKind.StatusRequest,
      (out, number) => writeStatusRequest(out, { number, target }),
      readServerStatus,
    );
  }

  /**
   * Asks for the events of a server.
   *
   * @param target The id of the server; without it, the one at the other end.
   * @param since The sequence number of the first event that is wanted: `next` of the last answer; 0 for all that
   *   there are.
   * @param max The most events that are wanted: 1 to 65,535. There may be fewer, and more to ask for.
   */
  events(target: string = NIL_UUID, since = 0, max = 1_024): Promise<EventsAnswer> {
    return this.#ask(
      target,
      StatusKind.EventsRequest,
      (out, number) => writeEventsRequest(out, { number, target, since, max }),
      readServerEvents,
    );
  }

  /**
   * Asks for a page of users.
   *
   * @param target The id of the server; without it, the one at the other end.
   * @param scope Whether its own users are wanted, or all that it knows.
   * @param after `next` of the page before; empty for the first one. When the server does not know it any more, this
   *   throws {@linkcode ErrorCode.Malformed}.
   */
  users(target: string = NIL_UUID, scope: UserScope = 0, after = ""): Promise<UsersAnswer> {
    return this.#ask(
      target,
      StatusKind.UsersRequest,
      (out, number) => writeUsersRequest(out, { number, target, scope, after }),
      readServerUsers,
    );
  }

  /**
   * Handles a frame that has arrived on the connection.
   *
   * @returns Whether it is an answer. Other frames are for somebody else.
   */
  received(frame: Frame): boolean {
    if (frame.type !== FrameType.Status) return false;
    const { subtype, payload } = frame;
    const number = readRequestNumber(payload);
    const waiting = this.#waiting.get(number);
    if (!waiting) return true;
    const isFailure = subtype === StatusKind.Failure;
    if (!isFailure && subtype !== waiting.kind + 1) return true;
    this.#waiting.delete(number);
    waiting.cancel();
    if (isFailure) waiting.failed(readStatusFailure(payload).error);
    else waiting.answered(payload);
    return true;
  }

  /** Ends all requests with an error, also later ones: the connection has ended. */
  close(error: NetlabError): void {
    this.#closed ??= error;
    for (const { cancel, failed } of this.#waiting.values()) {
      cancel();
      failed(error);
    }
    this.#waiting.clear();
  }

  #ask<Answer extends { readonly server: string }>(
    target: string,
    kind: number,
    write: (out: FrameWriter, number: number) => void,
    read: (payload: Uint8Array) => Answer,
  ): Promise<Answer> {
    if (this.#closed) return Promise.reject(this.#closed);
    const number = this.#number = (this.#number + 1) >>> 0;
    return new Promise<Answer>((resolve, reject) => {
      const cancel = this.#host.after(ANSWER_MS, () => {
        this.#waiting.delete(number);
        reject(new NetlabError(ErrorCode.TimedOut, "Cannot ask the server: no answer"));
      });
      this.#waiting.set(number, {
        kind,
        cancel,
        answered(payload) {
          try {
            const answer = read(payload);
            if (target !== NIL_UUID && answer.server !== target) throw otherServer();
            resolve(answer);
          } catch (error) {
            reject(error);
          }
        },
        failed: reject,
      });
      write(this.#host.out, number);
    });
  }
}

function otherServer(): ProtocolError {
  return new ProtocolError(
    ErrorCode.Malformed,
    "Cannot take the answer: it is about another server",
  );
}
