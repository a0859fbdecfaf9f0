/**
 * The claims to names that are taken. Owns the questions for a sign of life: from this server to its own
 * users, and from server to server about the users of another. Does not know what follows from an answer.
 *
 * @module
 */
import {
  Capability,
  type Frame,
  Information,
  type NameClaim,
  PresenceKind,
  readNameClaim,
  UserKind,
  writeInformationRequest,
  writeNameClaim,
} from "@netlab/protocol/codec";
import { isMoveProof, moveProof } from "@netlab/protocol/session-id";
import type { Connection } from "../connection/connection.ts";
import type { Location } from "../mesh/locations/located_names.ts";
import type { ServerNetwork } from "../mesh/server_network.ts";
import { Peer } from "../mesh/peer.ts";
import { otherOrigin } from "../mesh/statements/statements.ts";
import type { Context } from "../host.ts";
import type { User } from "./user.ts";

/** How long a user has to show a sign of life: milliseconds. */
const ANSWER_MS = 2_000;
/** How long a user has to whom more data waits to be sent than the connection takes: milliseconds. */
const SLOW_ANSWER_MS = 10_000;
/**
 * How long to wait for another server: milliseconds. It waits for its user, and a client waits five seconds
 * for the answer to its registration.
 */
const SERVER_ANSWER_MS = 4_000;
/** After this time without an answer, another server is asked again: milliseconds. Frames are lost while routes change. */
const ASK_AGAIN_MS = 1_000;
/**
 * How long a sign of life counts for further claims: milliseconds. So claims, however many, cause two
 * questions a second.
 */
const FRESH_MS = 500;

/** Receives the result of a claim. One of the methods is called, once, unless the claim is withdrawn. */
export interface Claimant {
  /** The connection that waits to be registered, if there is one. */
  readonly connection?: Connection;
  /** The holder is alive, or its server has not answered: the holder keeps the name. */
  refused(): void;
  /** The holder is gone from the server that was asked, and has not returned within two seconds. */
  released(): void;
}

/** A claim that waits for an answer. */
interface Claim {
  readonly claimant: Claimant;
  /** The id of the server of the holder. */
  readonly server: string;
  /** When it was made: milliseconds since 1970. */
  madeAt: number;
  /** When the server was last asked: milliseconds since 1970. */
  askedAt: number;
}

/** A user of this server who was asked for a sign of life. */
interface Question {
  readonly user: User;
  /** The ids of the servers that wait for the answer. */
  readonly servers: Set<string>;
  /** When the user was asked: milliseconds since 1970. */
  askedAt: number;
}

/** The claims at one server. */
export class Claims {
  readonly #context: Context;
  readonly #mesh: ServerNetwork;
  readonly #userOf: (name: string) => User | undefined;
  readonly #isAt: (name: string, server: string) => boolean;
  readonly #onSilent: (user: User) => void;
  readonly #onProven: (user: User, server: string) => void;
  /** By name. */
  readonly #claims = new Map<string, Claim>();
  /** The name that the claim of each connection is for. */
  readonly #byConnection = new Map<Connection, string>();
  /** By name. */
  readonly #questions = new Map<string, Question>();
  /** By name: until when its holder counts as alive, in milliseconds since 1970. */
  readonly #aliveUntil = new Map<string, number>();

  /**
   * Creates an empty list.
   *
   * @param userOf Returns the user of this server with a name.
   * @param isAt Returns whether a reachable server, by its id, has a user who holds a name.
   * @param onSilent Called with a user who has shown no sign of life.
   * @param onProven Called with a user and the id of another server that has proven to have the user's session.
   */
  constructor(
    context: Context,
    mesh: ServerNetwork,
    userOf: (name: string) => User | undefined,
    isAt: (name: string, server: string) => boolean,
    onSilent: (user: User) => void,
    onProven: (user: User, server: string) => void,
  ) {
    this.#context = context;
    this.#mesh = mesh;
    this.#userOf = userOf;
    this.#isAt = isAt;
    this.#onSilent = onSilent;
    this.#onProven = onProven;
  }

  /**
   * Asks the holder of a name for a sign of life.
   *
   * @returns Whether the claimant will get an answer. If not, the holder keeps the name: it is known to be
   *   alive, it cannot be asked, or somebody else has already asked for the name.
   */
  make(name: string, { server, user }: Omit<Location, "order">, claimant: Claimant): boolean {
    if (this.#claims.has(name) || this.#isFresh(name)) return false;
    // Text cannot be answered: only the end of a legacy client's connection shows that it has gone.
    if (user.kind !== UserKind.Session) return false;
    const isAsked = server === this.#context.id
      ? this.#ask(name) !== undefined
      : this.#send(PresenceKind.Claim, server, name);
    const { now } = this.#context;
    if (!isAsked) return false;
    this.#claims.set(name, { claimant, server, madeAt: now, askedAt: now });
    if (claimant.connection) this.#byConnection.set(claimant.connection, name);
    return true;
  }

  /** Returns the claimant who waits for an answer about a name. */
  of(name: string): Claimant | undefined {
    return this.#claims.get(name)?.claimant;
  }

  /** Withdraws the claim of a connection, if there is one. */
  withdraw(connection: Connection): void {
    const name = this.#byConnection.get(connection);
    if (name !== undefined) this.#delete(name);
  }

  /** Records that a user of this server is alive. */
  heard(user: User): void {
    if (this.#questions.size === 0) return;
    const { name } = user;
    const question = this.#questions.get(name);
    if (question?.user !== user) return;
    this.#questions.delete(name);
    for (const server of question.servers) this.#send(PresenceKind.Held, server, name);
    this.#alive(name, this.#context.id);
  }

  /** Handles a claim or an answer from another server. Those for other servers are forwarded. */
  received(from: Connection, frame: Frame): void {
    const claim = readNameClaim(frame.payload);
    const { to, from: server } = claim;
    const { party } = from;
    // Claims do no harm, whoever makes them: whether the user answers decides.
    const isPlausible = party instanceof Peer && this.#mesh.testimony.mayRelay(party, server);
    if (!isPlausible && frame.subtype === PresenceKind.Held) return;
    if (to !== this.#context.id) return void this.#mesh.forward(to, frame, from);
    this.#handle(frame.subtype, claim);
  }

  /**
   * Handles a claim or an answer that another server, by its id, has signed for this one.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.SignatureInvalid} when it speaks for another server.
   */
  stated(origin: string, frame: Frame): void {
    const claim = readNameClaim(frame.payload);
    if (claim.from !== origin || claim.to !== this.#context.id) throw otherOrigin();
    this.#handle(frame.subtype, claim);
  }

  #handle(kind: number, { to, from: server, name, proof }: NameClaim): void {
    const user = this.#userOf(name);
    if (kind === PresenceKind.Held) {
      if (this.#claims.get(name)?.server === server) this.#alive(name, server);
      // If there is no such user, the news of that is on its way to the other server.
    } else if (user && this.#mesh.nextHop(server)) {
      if (proof && isMoveProof(proof, user.key, { to, from: server, name })) {
        return this.#onProven(user, server);
      }
      const question = this.#isFresh(name) ? undefined : this.#ask(name);
      if (question) question.servers.add(server);
      else this.#send(PresenceKind.Held, server, name);
    }
  }

  /** Proves to another server, by its id, that the session of a user of this server has registered here. */
  prove({ key, name }: User, server: string): void {
    const proof = moveProof(key, { to: server, from: this.#context.id, name });
    this.#send(PresenceKind.Claim, server, name, proof);
  }

  /** Reports users who have shown no sign of life, and decides the claims to their names. */
  tick(): void {
    const { now } = this.#context;
    for (const [name, question] of this.#questions) {
      const { user } = question;
      const answerMs = user.connection.out.length > 0 ? SLOW_ANSWER_MS : ANSWER_MS;
      if (user.connection.isPaused) this.heard(user);
      else if (now - question.askedAt >= answerMs) {
        this.#questions.delete(name);
        // Claims may have been withdrawn. The user may have left, or returned on another connection.
        const isAwaited = question.servers.size > 0 ||
          this.#claims.get(name)?.server === this.#context.id;
        if (isAwaited && this.#userOf(name) === user) this.#onSilent(user);
      }
    }
    for (const [name, claim] of this.#claims) {
      const { claimant, server } = claim;
      const waitedMs = now - claim.madeAt;
      const isHere = server === this.#context.id;
      const isOpen = isHere ? this.#questions.has(name) : this.#isAt(name, server);
      if (isOpen ? isHere || waitedMs < SERVER_ANSWER_MS : waitedMs < ANSWER_MS) {
        if (!isOpen || isHere || now - claim.askedAt < ASK_AGAIN_MS) continue;
        claim.askedAt = now;
        this.#send(PresenceKind.Claim, server, name);
        continue;
      }
      this.#delete(name);
      if (isOpen) claimant.refused();
      else claimant.released();
    }
    for (const [name, until] of this.#aliveUntil) if (now >= until) this.#aliveUntil.delete(name);
  }

  /** Handles that this server did not run for so many milliseconds: answers may not have been read yet. */
  slept(ms: number): void {
    for (const question of this.#questions.values()) question.askedAt += ms;
    for (const claim of this.#claims.values()) claim.madeAt += ms;
  }

  /** Returns whether the holder of a name has just shown a sign of life. */
  #isFresh(name: string): boolean {
    return this.#context.now < (this.#aliveUntil.get(name) ?? -Infinity);
  }

  /** Asks a user of this server, unless that was done already. Returns `undefined` if it cannot answer. */
  #ask(name: string): Question | undefined {
    const user = this.#userOf(name);
    if (!user || user.readsText || user.connection.isPaused) return undefined;
    const known = this.#questions.get(name);
    if (known?.user === user) return known;
    const question = { user, servers: new Set<string>(), askedAt: this.#context.now };
    this.#questions.set(name, question);
    writeInformationRequest(user.out, Information.Capabilities);
    return question;
  }

  /** Records that the user of this name at a server is alive. */
  #alive(name: string, server: string): void {
    this.#aliveUntil.set(name, this.#context.now + FRESH_MS);
    const claim = this.#claims.get(name);
    if (claim?.server !== server) return;
    this.#delete(name);
    claim.claimant.refused();
  }

  #delete(name: string): void {
    const connection = this.#claims.get(name)?.claimant.connection;
    if (connection) this.#byConnection.delete(connection);
    this.#claims.delete(name);
  }

  /** Returns whether a server on the route takes the frame. */
  #send(kind: number, to: string, name: string, proof?: Uint8Array): boolean {
    const next = this.#mesh.nextHop(to);
    if (!next?.capabilities.has(Capability.Claim)) return false;
    const claim = { to, from: this.#context.id, name, ...proof && { proof } };
    this.#mesh.tell(to, next, (out) => writeNameClaim(out, kind, claim, 1));
    return true;
  }
}
