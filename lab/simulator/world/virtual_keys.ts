/**
 * The keys of a virtual network: tokens that are names of roles, and signatures that are fast and the same in every run.
 * They stand for those of real servers, which `@netlab/p2p` makes and checks outside of its core.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { serverIdOf } from "@netlab/protocol/server-id";
import {
  type Connection,
  type Grant,
  ROLES,
  type SigningHost,
  type TokenHost,
} from "@netlab/p2p/core";
import type { VirtualNetwork } from "./virtual_network.ts";

/** The keys of one virtual network, which is called "keys". */
export class VirtualKeys {
  readonly #network: VirtualNetwork;
  /** What each key signs with, by the key in hexadecimal. Nobody else knows it. */
  readonly #secrets = new Map<string, bigint>();

  /** Creates the keys of a network. */
  constructor(network: VirtualNetwork) {
    this.#network = network;
  }

  /**
   * Creates a server's key.
   *
   * @param time The clock of the server.
   */
  createKey(time: () => number = () => this.#network.now): SigningHost & { readonly id: string } {
    const network = this.#network;
    const key = Uint8Array.from({ length: 32 }, () => 256 * network.random());
    const secret = BigInt(Math.floor(2 ** 52 * network.random()));
    this.#secrets.set(key.toHex(), secret);
    const identity = { key, startedAt: Math.floor(network.now) };
    return {
      ...identity,
      id: serverIdOf(identity),
      sign: (text) => signature(secret, text),
      time: () => Math.floor(time()),
    };
  }

  /**
   * Creates what a server of the network has.
   *
   * @param signing Its key.
   * @param boundTo The thumbprint of the key to which its token is bound.
   */
  host(signing: SigningHost, boundTo?: string): TokenHost {
    return {
      signing,
      own: boundTo === undefined ? "server" : `server.${boundTo}`,
      verify: (token, done) => this.#network.after(0, () => done(grantOf(token))),
      check: () => undefined,
    };
  }

  /** Returns whether a signature is right. */
  readonly verify = (key: Uint8Array, text: Uint8Array, given: Uint8Array): boolean => {
    const secret = this.#secrets.get(key.toHex());
    return secret !== undefined && signature(secret, text).toHex() === given.toHex();
  };

  /** Gives a user a token, as a client does before it registers. */
  static admit(connection: Connection, name: string): void {
    connection.grant ??= { ...(grantOf("user") as Grant), subject: name };
  }
}

/** Returns what a token says: the role, and after a dot the thumbprint of a key. */
function grantOf(token: string): Grant | NetlabError {
  const [role, boundTo] = token.split(".");
  const known = ROLES.find((each) => each === role);
  if (known === undefined) {
    return new NetlabError(ErrorCode.TokenInvalid, "Cannot use the token", { fatal: true });
  }
  return { subject: "", role: known, expiresAt: Infinity, id: undefined, boundTo, key: undefined };
}

/** A keyed hash (FNV-1a, 64 bits) as 64 bytes. It need not resist anybody, only tell texts apart. */
function signature(secret: bigint, text: Uint8Array): Uint8Array {
  let high = Number(secret >> 20n) >>> 0;
  let low = Number(secret & 0xffff_ffffn) >>> 0;
  for (const byte of text) {
    high = Math.imul(high ^ byte, 0x0100_0193) >>> 0;
    low = Math.imul(low ^ byte, 0x85eb_ca6b) >>> 0;
  }
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, high);
  view.setUint32(4, low);
  return bytes;
}
