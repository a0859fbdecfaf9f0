/**
 * The proofs of servers on a network with keys that they have the key from which their id follows, and to which their
 * token may be bound. Owns the challenges. Does not know what comes before and after.
 *
 * @module
 */
import {
  CHALLENGE_BYTES,
  ErrorCode,
  type Frame,
  linkText,
  type NetlabError,
  ProtocolError,
  readServerKey,
  type ServerKeyProof,
  writeServerKey,
} from "@netlab/protocol/codec";
import { keyThumbprint, serverIdOf } from "@netlab/protocol/server-id";
import type { Connection } from "../connection/connection.ts";
import type { Context, SigningHost } from "../host.ts";

/** A proof that is not complete. */
interface Exchange {
  /** What the other server must sign. */
  readonly challenge: Uint8Array;
  /** The id of the other server, once it has stated its key. */
  server: string | undefined;
}

/** The proofs on the connections of one server. */
export class ServerKeys {
  readonly #context: Context;
  readonly #signing: SigningHost;
  readonly #network: () => string;
  readonly #exchanges = new Map<Connection, Exchange>();

  /**
   * Starts without connections.
   *
   * @param network Returns the name of the network.
   */
  constructor(context: Context, signing: SigningHost, network: () => string) {
    this.#context = context;
    this.#signing = signing;
    this.#network = network;
  }

  /** Forgets a connection that has ended. */
  closed(connection: Connection): void {
    this.#exchanges.delete(connection);
  }

  /** States the key of this server on a connection that it has dialled, and challenges the other one. */
  begin(connection: Connection): void {
    this.#write(connection, this.#open(connection));
  }

  /**
   * Handles the key of the other server, or its proof. The dialled server proves its key first.
   *
   * @returns Whether the other server has proven its key.
   * @throws {ProtocolError} A fatal one with {@linkcode ErrorCode.SignatureInvalid} when the proof is wrong, or its
   *   token is bound to another key.
   */
  received(connection: Connection, frame: Frame): boolean {
    const { grant, dialled } = connection;
    if (grant?.role !== "server" || connection.provenServer !== undefined) throw unexpected();
    const proof = readServerKey(frame.payload);
    let exchange = this.#exchanges.get(connection);
    if (exchange === undefined) {
      if (dialled !== undefined || proof.signature) throw unexpected();
      if (grant.boundTo !== undefined && grant.boundTo !== keyThumbprint(proof.key)) {
        throw invalid("its token is bound to another key; use the token with the server it is for");
      }
      exchange = this.#open(connection);
      exchange.server = serverIdOf(proof);
      this.#write(connection, exchange, proof.challenge);
      return false;
    }
    this.#check(connection, exchange, proof);
    this.#exchanges.delete(connection);
    connection.provenServer = serverIdOf(proof);
    if (dialled !== undefined) {
      exchange.server = connection.provenServer;
      this.#write(connection, exchange, proof.challenge);
    }
    return true;
  }

  #open(connection: Connection): Exchange {
    const { random } = this.#context.host;
    const challenge = Uint8Array.from({ length: CHALLENGE_BYTES }, () => 256 * random());
    const exchange = { challenge, server: undefined };
    this.#exchanges.set(connection, exchange);
    return exchange;
  }

  #check({ grant }: Connection, { challenge, server }: Exchange, proof: ServerKeyProof): void {
    const { key, signature } = proof;
    const from = serverIdOf(proof);
    if (signature === undefined || (server !== undefined && server !== from)) throw unexpected();
    const text = linkText(this.#network(), challenge, from, this.#context.id);
    if (!this.#context.host.verifySignature(key, text, signature)) {
      throw invalid("the proof of its key is wrong; check who answers at its address");
    }
    if (grant!.boundTo !== undefined && grant!.boundTo !== keyThumbprint(key)) {
      throw invalid("its token is bound to another key; use the token with the server it is for");
    }
  }

  /** States this server's key, with the proof if the challenge of the other server is known. */
  #write({ out }: Connection, { challenge, server }: Exchange, theirs?: Uint8Array): void {
    const { key, startedAt } = this.#signing;
    const identity = { key, startedAt, challenge };
    if (theirs === undefined) return writeServerKey(out, identity);
    const text = linkText(this.#network(), theirs, this.#context.id, server!);
    writeServerKey(out, { ...identity, signature: this.#signing.sign(text) });
  }
}

function unexpected(): NetlabError {
  return new ProtocolError(
    ErrorCode.SignatureInvalid,
    "Cannot take the key of a server: nobody expects it now",
    { fatal: true },
  );
}

function invalid(why: string): NetlabError {
  return new ProtocolError(ErrorCode.SignatureInvalid, `Cannot link to the server: ${why}`, {
    fatal: true,
  });
}
