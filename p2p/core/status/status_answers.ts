/**
 * What this server answers when it is asked for its status, its events and its users. Owns what is asked too often to
 * be made anew each time. Does not know who asks, and forwards nothing.
 *
 * @module
 */
import {
  ErrorCode,
  type EventsRequest,
  FrameWriter,
  HEADER_BYTES,
  NetlabError,
  StatusKind,
  type StatusRequest,
  UserScope,
  type UsersRequest,
  writeRenumbered,
  writeServerEvents,
  writeServerStatus,
  writeServerUsers,
} from "@netlab/protocol/codec";
import type { Context } from "../host.ts";
import type { Directory } from "../mesh/directory.ts";
import type { Locations } from "../mesh/locations/locations.ts";
import type { OwnStatus } from "./own_status.ts";
import { UserPages } from "./user_pages.ts";

/** A status that is not longer is always up to date: bytes. */
const SHORT_BYTES = 4 * 1024;
/** Longer ones are made at most once in the time in which a server could send them with 3 MB a second. */
const BYTES_PER_MS = 3_000;

/** Answers requests for this server. */
export class StatusAnswers {
  readonly #context: Context;
  readonly #status: OwnStatus;
  readonly #directory: Directory;
  readonly #ownUsers: UserPages;
  readonly #allUsers: UserPages;
  readonly #scratch = new FrameWriter();
  /** The last status as a frame, and when it was made: milliseconds since 1970. */
  #frame: Uint8Array = new Uint8Array(0);
  #madeAt = 0;

  /** Creates the answers of one server. */
  constructor(context: Context, status: OwnStatus, directory: Directory, locations: Locations) {
    this.#context = context;
    this.#status = status;
    this.#directory = directory;
    this.#ownUsers = new UserPages(() => locations.each([context.id]));
    this.#allUsers = new UserPages(() => locations.each());
  }

  /** Writes the status. */
  status(out: FrameWriter, { number }: StatusRequest, hops: number): void {
    const { now } = this.#context;
    const { length } = this.#frame;
    if (length <= SHORT_BYTES || now - this.#madeAt >= length / BYTES_PER_MS) {
      writeServerStatus(this.#scratch, { number, ...this.#status.get() });
      const taken = this.#scratch.take();
      this.#frame = taken.slice();
      this.#madeAt = now;
      this.#scratch.recycle(taken);
    }
    const { length: end } = this.#frame;
    const frame = {
      subtype: StatusKind.StatusAnswer,
      bytes: this.#frame,
      start: HEADER_BYTES,
      end,
    };
    writeRenumbered(out, frame, number, hops);
  }

  /** Writes events. From now on, messages are recorded, too. */
  events(out: FrameWriter, { number, since, max }: EventsRequest, hops: number): void {
    const { id: server, now, events, messageLog } = this.#context;
    messageLog.watch(now);
    writeServerEvents(out, { number, server, ...events.since(since, max, now) }, hops);
  }

  /**
   * Writes a page of users.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.Malformed} if there is no such page.
   */
  users(out: FrameWriter, { number, scope, after }: UsersRequest, hops: number): void {
    const { id: server, now } = this.#context;
    const isOwn = scope === UserScope.Own;
    const page = (isOwn ? this.#ownUsers : this.#allUsers).after(after, now);
    if (!page) {
      throw new NetlabError(
        ErrorCode.Malformed,
        "Cannot list users: no page ends with that name any more; ask for the first page",
      );
    }
    const total = isOwn ? this.#directory.usersAt(server) : this.#directory.located.size;
    const users = page.users.map((user, at) => ({
      ...user,
      sinceMs: Math.max(0, Math.floor(now - page.since[at]!)),
    }));
    writeServerUsers(out, { number, server, total, next: page.next, users }, hops);
  }

  /** Forgets lists that nobody reads any more. */
  tick(): void {
    this.#ownUsers.forget(this.#context.now);
    this.#allUsers.forget(this.#context.now);
  }
}
