/**
 * Makes the keys of a network and the tokens that they sign. Knows no files.
 *
 * @module
 */
import { base64url, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import { checkNetworkName, checkUserName, normalizeName, quote } from "@netlab/protocol";
import { generate as generateId } from "@std/uuid/v7";
import type { Role } from "../../core/connection/grant.ts";
import { type Algorithm, algorithmOf, type JsonKey, type JsonKeySet } from "./key_set.ts";

/** The size of a shared key: bytes. */
const SHARED_BYTES = 32;
/** The size of the random id of a key: bytes. */
const ID_BYTES = 6;

/**
 * Returns a set with one new key that signs tokens. For HS256, servers get the same set. For the others, they get
 * the set that {@linkcode publicKeys} returns.
 *
 * @param network The name of the network.
 * @throws {TypeError} When that is not a name of one.
 *
 * @example
 * ```ts
 * import { createKeys, createToken, publicKeys } from "@netlab/p2p/keys";
 *
 * const keys = await createKeys("office", "EdDSA");
 * const { token } = await createToken(keys, { role: "user", name: "Alice", days: 30 });
 * token; // for Alice's client
 * JSON.stringify(publicKeys(keys)); // the file for the servers
 * ```
 */
export async function createKeys(network: string, algorithm: Algorithm): Promise<JsonKeySet> {
  checkNetworkName(network);
  return { network, keys: [await createKey(algorithm)] };
}

/** Returns a set with one more key, of the same kind as the last one. It signs tokens from now on. */
export async function addKey(set: JsonKeySet): Promise<JsonKeySet> {
  const last = set.keys.findLast(canSign);
  if (!last) throw new TypeError("Cannot add a key: the set has no key that signs tokens");
  return { ...set, keys: [...set.keys, await createKey(algorithmOf(last)!)] };
}

/** Returns a set without the private parts of its keys, for servers. Shared keys are left out. */
export function publicKeys(set: JsonKeySet): JsonKeySet {
  const keys = set.keys.filter(({ kty }) => kty !== "oct").map((key) => {
    const { d: _, ...open } = key;
    return open;
  });
  return { ...set, keys };
}

/** What a token says. */
export interface TokenOptions {
  /** What its holder may do. */
  role: Role;
  /** The name of the user, or what the server or the observer is called. */
  name: string;
  /** How long it is valid: days, above 0. */
  days: number;
  /**
   * The thumbprint of the key of the only server that may use it, for the role server: see `keyThumbprint` of
   * `@netlab/protocol`.
   *
   * @default {none: whoever has the token may use it}
   */
  serverKey?: string;
  /**
   * The name of the network.
   *
   * @default {that of the set of keys}
   */
  network?: string;
}

/** A new token. */
export interface NewToken {
  /** The token: a JSON Web Token. Whoever has it is its holder. */
  token: string;
  /** Its id, with which it can be revoked. */
  id: string;
  /** When it expires. */
  expiresAt: Date;
}

/**
 * Creates a token, signed with the last key of a set that can sign.
 *
 * @throws {TypeError} When no key can sign, when the network has no name, or when the name cannot be used.
 * @throws {RangeError} When the number of days is not above 0.
 */
export async function createToken(
  set: JsonKeySet,
  { role, name, days, serverKey, network = set.network }: TokenOptions,
): Promise<NewToken> {
  if (network === undefined) {
    throw new TypeError("Cannot create a token without the name of the network");
  }
  checkNetworkName(network);
  const subject = normalizeName(name);
  if (role === "user") checkUserName(subject);
  else if (subject === "") throw new TypeError("Cannot create a token without a name");
  if (serverKey !== undefined && role !== "server") {
    throw new TypeError(`Cannot bind a token for the role ${role}: only servers prove a key`);
  }
  if (!(days > 0)) throw new RangeError(`Cannot create a token for ${days} days`);
  const key = set.keys.findLast(canSign);
  if (!key) {
    throw new TypeError(
      "Cannot create a token: the file has no key that signs; use the file with the private keys",
    );
  }
  const algorithm = algorithmOf(key)!;
  const id = generateId();
  const now = Math.floor(Date.now() / 1_000);
  const expires = Math.floor(now + days * 86_400);
  const header = { alg: algorithm, typ: "JWT", ...key.kid !== undefined && { kid: key.kid } };
  // RFC 7800 and RFC 9449: the holder must prove to have this key.
  const bound = serverKey === undefined ? {} : { cnf: { jkt: serverKey } };
  const token = await new SignJWT({ role, ...bound })
    .setProtectedHeader(header)
    .setSubject(subject).setAudience(network).setJti(id).setIssuedAt(now).setExpirationTime(expires)
    .sign(await importJWK(key as JWK, algorithm));
  return { token, id, expiresAt: new Date(expires * 1_000) };
}

/** Returns the set without a key. Tokens that it has signed are not valid any more. */
export function removeKey(set: JsonKeySet, id: string): JsonKeySet {
  const keys = set.keys.filter(({ kid }) => kid !== id);
  if (keys.length === set.keys.length) {
    const ids = set.keys.map(({ kid }) => kid).join(", ");
    throw new TypeError(`Cannot remove the key ${quote(id)}: the keys are ${ids}`);
  }
  if (keys.length === 0) {
    throw new TypeError("Cannot remove the last key: add another one first");
  }
  return { ...set, keys };
}

function canSign(key: JsonKey): boolean {
  return algorithmOf(key) !== undefined && (key.kty === "oct" ? key.k : key.d) !== undefined;
}

async function createKey(algorithm: Algorithm): Promise<JsonKey> {
  const jwk = algorithm === "HS256"
    ? { kty: "oct", k: base64url.encode(crypto.getRandomValues(new Uint8Array(SHARED_BYTES))) }
    : await exportJWK(
      (await generateKeyPair(algorithm, { extractable: true })).privateKey,
    );
  const kid = crypto.getRandomValues(new Uint8Array(ID_BYTES)).toHex();
  return { ...jwk, kid, alg: algorithm, use: "sig" } as JsonKey;
}
