/**
 * Who may connect to a server whose network has keys. Owns the exchange of tokens at the beginning of a
 * connection, its deadline, and the end of connections whose token is no longer valid. The host checks the tokens.
 * Does not know what the parties do afterwards.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  NetlabError,
  ProtocolError,
  readToken,
  writeToken,
} from "@netlab/protocol/codec";
import { checkPermission, signatureRequired, tokenRequired } from "./permissions.ts";
import type { Connection } from "../connection/connection.ts";
import type { Context, TokenHost } from "../host.ts";
import type { Grant } from "../connection/grant.ts";
import { ServerKeys } from "./server_keys.ts";
import { LIMITS } from "../limits.ts";

/** How long a party may take to send its token: milliseconds. */
const TOKEN_MS = 5_000;
/** How often the tokens of all connections are checked again: milliseconds. */
const CHECK_EVERY_MS = 1_000;
/** How many bytes may wait for a party that has no token yet. It gets short answers only. */
const STRANGER_PENDING_BYTES = 16 * 1024;

/** How a server takes part in a network with keys. */
export interface AccessOptions {
  /**
   * Whether the server takes legacy programs, which have no tokens.
   *
   * @default {true}
   */
  legacy?: boolean;
  /**
   * Whether the server sends its token over connections to other machines that are not encrypted.
   *
   * @default {false}
   */
  insecureToken?: boolean;
}

/** Called when a dialled party has shown its token, or with the reason why it is not used. */
export type Introduced = (error?: NetlabError) => void;

/** The admission of parties to one server. On an open network, it admits everyone. */
export class Access {
  /** Whether the server takes legacy programs. */
  readonly legacy: boolean;
  readonly #context: Context;
  readonly #tokens: TokenHost | undefined;
  readonly #insecureToken: boolean;
  readonly #refuse: (connection: Connection, error: NetlabError) => void;
  /** Accepted connections without a token, and when they end: milliseconds since 1970. The first is the oldest. */
  readonly #strangers = new Map<Connection, number>();
  /** The proofs of servers; `undefined` on an open network. */
  readonly #serverKeys: ServerKeys | undefined;
  /** Dialled connections on which this server has sent its token, until the other server has proven its key. */
  readonly #introducing = new Map<Connection, Introduced>();
  /** Connections whose token is being checked. */
  readonly #checking = new Set<Connection>();
  /** Connections with a token. */
  readonly #granted = new Set<Connection>();
  #checkedAt = 0;

  /**
   * Starts without connections.
   *
   * @param network Returns the name of the network.
   * @param refuse Sends an error to a party.
   */
  constructor(
    context: Context,
    { legacy = true, insecureToken = false }: AccessOptions,
    network: () => string,
    refuse: (connection: Connection, error: NetlabError) => void,
  ) {
    this.#context = context;
    const tokens = this.#tokens = context.host.tokens;
    this.#serverKeys = tokens && new ServerKeys(context, tokens.signing, network);
    this.#insecureToken = insecureToken;
    this.legacy = legacy;
    this.#refuse = refuse;
  }

  /** Whether the network has keys. */
  get hasKeys(): boolean {
    return this.#tokens !== undefined;
  }

  /** Notes a connection that another party has opened. */
  accepted(connection: Connection): void {
    if (this.#tokens) this.#strangers.set(connection, this.#context.now + TOKEN_MS);
  }

  /** Notes the end of a connection. */
  closed(connection: Connection): void {
    if (!this.#tokens) return;
    this.#strangers.delete(connection);
    this.#introducing.delete(connection);
    this.#serverKeys!.closed(connection);
    this.#checking.delete(connection);
    this.#granted.delete(connection);
  }

  /**
   * Checks whether a party may send a frame, by its token.
   *
   * @throws {NetlabError} When it may not, as `checkPermission` does.
   */
  check(connection: Connection, frame: Frame): void {
    if (!this.#tokens) return;
    if (this.#checking.has(connection)) throw tooEarly();
    checkPermission(connection, frame, this.legacy);
    if (connection.grant === undefined && connection.out.length > STRANGER_PENDING_BYTES) {
      throw tokenRequired();
    }
  }

  /**
   * Checks whether a party may register as a user with this name.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.TokenForOtherName}, which is fatal, when its token is for another.
   */
  checkName({ grant }: Connection, name: string): void {
    if (grant === undefined || grant.subject === name) return;
    throw new NetlabError(
      ErrorCode.TokenForOtherName,
      `Cannot register as ${name}: the token is for ${grant.subject}; use that name, or get a ` +
        "token for this one",
      { fatal: true },
    );
  }

  /**
   * Handles a token.
   *
   * @throws {NetlabError} When nobody expects one from this party, or when it cannot be read.
   */
  received(connection: Connection, frame: Frame): void {
    const introduced = this.#introducing.get(connection);
    const isDialled = connection.dialled !== undefined;
    if (!this.#tokens) {
      throw new NetlabError(
        ErrorCode.UnknownType,
        "Cannot take a token: this network has no keys; connect without one",
      );
    }
    if (connection.grant !== undefined || (isDialled && !introduced)) {
      throw new NetlabError(
        ErrorCode.AlreadyRegistered,
        "Cannot take a token: this connection needs no other one",
      );
    }
    const token = readToken(frame.payload);
    if (isDialled && token === "") {
      this.#introducing.delete(connection);
      return introduced!(noTokenOfItsOwn("that server"));
    }
    this.#verify(
      connection,
      token,
      introduced ? (result) => this.#introduced(connection, result, introduced) : (result) => {
        if (result instanceof NetlabError) this.#refuse(connection, result);
        else this.#admit(connection, result);
      },
    );
  }

  /**
   * Handles the key of a server, or its proof.
   *
   * @throws {NetlabError} When nobody expects one from this party, or when the proof is wrong.
   */
  proven(connection: Connection, frame: Frame): void {
    if (!this.#serverKeys) {
      throw new NetlabError(
        ErrorCode.UnknownType,
        "Cannot take the key of a server: this network has no keys",
      );
    }
    const introduced = this.#introducing.get(connection);
    let error: NetlabError | undefined;
    try {
      if (!this.#serverKeys.received(connection, frame) || !introduced) return;
    } catch (cause) {
      if (!(cause instanceof NetlabError) || !introduced) throw cause;
      error = cause;
    }
    this.#introducing.delete(connection);
    introduced(error);
  }

  /**
   * Checks whether a party may link as the server with an id.
   *
   * @throws {NetlabError} A fatal one with {@linkcode ErrorCode.SignatureRequired} when it has proven no key, or with
   *   {@linkcode ErrorCode.SignatureInvalid} when another id follows from its key.
   */
  checkServer({ provenServer }: Connection, server: string): void {
    if (!this.#tokens || provenServer === server) return;
    if (provenServer === undefined) throw signatureRequired("Cannot link");
    throw new NetlabError(
      ErrorCode.SignatureInvalid,
      "Cannot link: another id follows from the server's key",
      { fatal: true },
    );
  }

  /**
   * Exchanges tokens and proofs with a dialled server.
   *
   * @param wantsToken Whether the other server takes parties with a token only.
   * @param signs Whether the other server signs what it says.
   * @param done Called at once on an open network, otherwise later; not called when the connection ends first.
   */
  introduce(
    connection: Connection,
    wantsToken: boolean,
    signs: boolean,
    done: Introduced,
  ): void {
    if (!this.#tokens) return done(wantsToken ? tokenRequired() : undefined);
    if (!wantsToken) {
      return done(
        new NetlabError(
          ErrorCode.TokenRequired,
          "Cannot link: the other server takes parties without a token; start it with --keys",
          { fatal: true },
        ),
      );
    }
    if (!signs) return done(signatureRequired("Cannot link"));
    const token = this.#ownToken(connection);
    if (token instanceof NetlabError) return done(token);
    this.#introducing.set(connection, done);
    writeToken(connection.out, token);
  }

  /** Ends the connections that have sent no token in time, and those whose token is no longer valid. */
  tick(): void {
    const { now } = this.#context;
    for (const [connection, deadline] of this.#strangers) {
      if (now <= deadline) break;
      this.#strangers.delete(connection);
      // A legacy program that has registered needs no token.
      if (!this.legacy || connection.isUnregistered) this.#refuse(connection, tokenRequired());
    }
    if (!this.#tokens || now - this.#checkedAt < CHECK_EVERY_MS) return;
    this.#checkedAt = now;
    for (const connection of this.#granted) {
      const error = this.#tokens.check(connection.grant!);
      if (!error) continue;
      this.#granted.delete(connection);
      this.#context.logger.info("closing the connection to {party}: {reason}", {
        event: "token.ended",
        party: connection.label,
        reason: error.message,
        code: error.code,
      });
      this.#refuse(connection, error);
    }
  }

  /** Has a token checked. Until then, nothing is read from the connection. */
  #verify(
    connection: Connection,
    token: string,
    done: (result: Grant | NetlabError) => void,
  ): void {
    if (this.#checking.size >= LIMITS.verifications.default) {
      throw new NetlabError(
        ErrorCode.TimedOut,
        "Cannot check the token: too many others are being checked; try again",
        { fatal: true },
      );
    }
    this.#checking.add(connection);
    connection.pause(this.#context.now);
    this.#tokens!.verify(token, (result) => {
      if (!this.#checking.delete(connection)) return;
      connection.resume(this.#context.now);
      done(result);
    });
  }

  #admit(connection: Connection, grant: Grant): void {
    const answer = grant.role === "server" ? this.#ownToken(connection) : "";
    if (answer instanceof NetlabError) return this.#refuse(connection, answer);
    this.#grant(connection, grant);
    writeToken(connection.out, answer);
  }

  #introduced(connection: Connection, result: Grant | NetlabError, done: Introduced): void {
    if (result instanceof NetlabError || result.role !== "server") {
      this.#introducing.delete(connection);
      return done(result instanceof NetlabError ? result : wrongRole(result));
    }
    this.#grant(connection, result);
    this.#serverKeys!.begin(connection);
  }

  #grant(connection: Connection, grant: Grant): void {
    connection.grant = grant;
    this.#strangers.delete(connection);
    this.#granted.add(connection);
  }

  /** Returns this server's own token, or why it is not sent on a connection. */
  #ownToken(connection: Connection): string | NetlabError {
    const token = this.#tokens!.own;
    if (token === undefined) return noTokenOfItsOwn("this server");
    if (!connection.isElsewhere || connection.isEncrypted || this.#insecureToken) return token;
    return new NetlabError(
      ErrorCode.NotEncrypted,
      "Cannot link: a token is not sent over a connection that is not encrypted; use tls:// " +
        "addresses, or allow it with --insecure-token",
      { fatal: true },
    );
  }
}

function wrongRole({ role }: Grant): NetlabError {
  return new NetlabError(
    ErrorCode.NotPermitted,
    `Cannot link: the other server's token is for the role ${role}; give it one for the role server`,
    { fatal: true },
  );
}

function noTokenOfItsOwn(who: string): NetlabError {
  return new NetlabError(
    ErrorCode.TokenRequired,
    `Cannot link: ${who} has no token of its own; start it with --token-file`,
    { fatal: true },
  );
}

function tooEarly(): NetlabError {
  return new ProtocolError(
    ErrorCode.TokenRequired,
    "Cannot take a frame while the token is being checked: wait for the answer",
    { fatal: true },
  );
}
