/**
 * The lists of users as their servers have signed them, on a network with keys: for each server, the frames of a list
 * and of the changes since then. A server passes them on unchanged. Owns when this server signs its own list again, so
 * that the changes do not grow without end. Does not know who gets the frames.
 *
 * @module
 */
import {
  type Frame,
  MAX_SIGNED_USERS_PER_FRAME,
  type PresenceChanges,
  type PresenceSnapshot,
  type UserRecord,
  writePresenceChanges,
  writePresenceSnapshot,
} from "@netlab/protocol/codec";
import { LIMITS } from "../../limits.ts";
import type { Directory } from "../directory.ts";
import type { Statements } from "../statements/statements.ts";

/** A list is signed again when its changes are longer than it, and than this: bytes. */
const MIN_CHANGES_BYTES = 64 * 1024;
/** How many times as long the changes of another server may be. */
const MAX_RATIO = 3;

/** The signed frames of one server. */
interface SignedList {
  /** The version of the users in the list. */
  readonly version: number;
  readonly list: readonly Frame[];
  readonly listBytes: number;
  /** The changes since then, in order. */
  readonly changes: Frame[];
  changesBytes: number;
}

/** A list of which parts are missing. */
interface Partial {
  readonly version: number;
  readonly parts: Map<number, Frame>;
  bytes: number;
}

/** The signed lists of all servers, as one server has them. */
export class SignedLists {
  readonly #self: string;
  readonly #directory: Directory;
  readonly #statements: Statements;
  readonly #maxBytes: number;
  readonly #lists = new Map<string, SignedList>();
  readonly #partials = new Map<string, Partial>();
  /** Changes of this server's users that are not signed yet. */
  #unsigned: UserRecord[] = [];
  /** The version after the first of these changes. */
  #firstUnsigned = 0;
  /** The size of all frames of other servers: bytes. */
  #bytes = 0;

  /**
   * Starts with the signed list of this server.
   *
   * @param self The id of this server.
   * @param maxBytes How long the lists of other servers may be together: bytes.
   */
  constructor(
    self: string,
    directory: Directory,
    statements: Statements,
    maxBytes: number = LIMITS.signedListBytes.default,
  ) {
    this.#self = self;
    this.#directory = directory;
    this.#statements = statements;
    this.#maxBytes = maxBytes;
    this.#signList();
  }

  /** Adds changes of this server's users. They are signed at the next flush. */
  add({ version, changes }: PresenceChanges): void {
    if (this.#unsigned.length === 0) this.#firstUnsigned = version;
    this.#unsigned.push(...changes);
  }

  /**
   * Signs the changes of this server's users.
   *
   * @param send Called with each frame of changes.
   * @returns Whether the whole list was signed again.
   */
  flush(send: (changes: Frame) => void): boolean {
    const all = this.#unsigned;
    if (all.length === 0) return false;
    this.#unsigned = [];
    const own = this.#lists.get(this.#self)!;
    for (let at = 0; at < all.length; at += MAX_SIGNED_USERS_PER_FRAME) {
      const changes = all.slice(at, at + MAX_SIGNED_USERS_PER_FRAME);
      const frame = this.#statements.forAll((out) =>
        writePresenceChanges(out, {
          server: this.#self,
          version: this.#firstUnsigned + at,
          changes,
        })
      );
      own.changes.push(frame);
      own.changesBytes += frame.bytes.length;
      send(frame);
    }
    if (own.changesBytes <= Math.max(MIN_CHANGES_BYTES, own.listBytes)) return false;
    this.#signList();
    return true;
  }

  /** Returns the frames of the list of a server, by its id, and of its changes. */
  framesOf(server: string): readonly Frame[] {
    const known = this.#lists.get(server);
    return known ? [...known.list, ...known.changes] : [];
  }

  /** Returns whether changes of another server with so many bytes may be added. */
  hasRoomFor(server: string, bytes: number): boolean {
    const known = this.#lists.get(server);
    if (this.#bytes + bytes > this.#maxBytes) return false;
    const most = MAX_RATIO * Math.max(MIN_CHANGES_BYTES, known?.listBytes ?? 0);
    return (known?.changesBytes ?? 0) + bytes <= most;
  }

  /** Adds changes of another server. Returns a copy of the frame. */
  addChanges(server: string, changes: Frame): Frame {
    const copy = changes.copy();
    const known = this.#lists.get(server);
    if (!known) return copy;
    known.changes.push(copy);
    known.changesBytes += copy.bytes.length;
    this.#bytes += copy.bytes.length;
    return copy;
  }

  /** Returns whether a part of a list is new: of a newer version, or of one that replaces the changes before it. */
  needs({ server, version, part }: PresenceSnapshot): boolean {
    const known = this.#directory.version(server);
    if (version < known || (version === known && this.#lists.get(server)?.version === version)) {
      return false;
    }
    const partial = this.#partials.get(server);
    return !partial || partial.version < version ||
      (partial.version === version && !partial.parts.has(part));
  }

  /**
   * Adds a part of the list of another server.
   *
   * @returns Whether the list is complete, and has replaced what was known.
   */
  addPart({ server, version, part, parts }: PresenceSnapshot, frame: Frame): boolean {
    let partial = this.#partials.get(server);
    if (!partial || partial.version < version) {
      this.#dropPartial(server);
      partial = { version, parts: new Map(), bytes: 0 };
      this.#partials.set(server, partial);
    }
    if (this.#bytes + frame.end - frame.start > this.#maxBytes) {
      this.#dropPartial(server);
      return false;
    }
    const copy = frame.copy();
    partial.parts.set(part, copy);
    partial.bytes += copy.bytes.length;
    this.#bytes += copy.bytes.length;
    if (partial.parts.size < parts) return false;
    this.#partials.delete(server);
    this.#drop(server);
    const list = Array.from({ length: parts }, (_, n) => partial.parts.get(n)!);
    this.#lists.set(server, {
      version,
      list,
      listBytes: partial.bytes,
      changes: [],
      changesBytes: 0,
    });
    return true;
  }

  /** Forgets a server. */
  forget(server: string): void {
    this.#dropPartial(server);
    this.#drop(server);
  }

  #drop(server: string): void {
    const known = this.#lists.get(server);
    if (known) this.#bytes -= known.listBytes + known.changesBytes;
    this.#lists.delete(server);
  }

  #dropPartial(server: string): void {
    this.#bytes -= this.#partials.get(server)?.bytes ?? 0;
    this.#partials.delete(server);
  }

  /** Signs the whole list of this server. */
  #signList(): void {
    const list: Frame[] = [];
    for (const part of this.#directory.snapshot(this.#self, MAX_SIGNED_USERS_PER_FRAME)) {
      list.push(this.#statements.forAll((out) => writePresenceSnapshot(out, part)));
    }
    this.#lists.set(this.#self, {
      version: this.#directory.version(this.#self),
      list,
      listBytes: list.reduce((sum, { bytes }) => sum + bytes.length, 0),
      changes: [],
      changesBytes: 0,
    });
  }
}
