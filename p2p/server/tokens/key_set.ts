/**
 * The keys of a network, as a JSON Web Key or a JSON Web Key Set (RFC 7517). Owns which keys are used, and with
 * which algorithm: the key decides that, never a token. Does not read files.
 *
 * @module
 */
import { base64url, calculateJwkThumbprint, type CryptoKey, importJWK, type JWK } from "jose";

/** The algorithms of tokens. */
export const ALGORITHMS = ["HS256", "EdDSA", "ES256"] as const;

/** One of {@linkcode ALGORITHMS}. */
export type Algorithm = typeof ALGORITHMS[number];

/** The size of the shortest shared key, which RFC 7518 requires for HS256: bytes. */
const MIN_SHARED_BYTES = 32;
/** The most keys in a set. */
const MAX_KEYS = 100;

/** A key that checks tokens. */
export interface TokenKey {
  /** The id of the key, which tokens name; `undefined` if it has none. */
  readonly id: string | undefined;
  /** The only algorithm of tokens that this key checks. */
  readonly algorithm: Algorithm;
  /** The key. */
  readonly key: CryptoKey | Uint8Array;
  /** Identifies the key: its thumbprint of RFC 7638. */
  readonly thumbprint: string;
}

/** The keys of a network. */
export interface KeySet {
  /** The name of the network, if the file states it. */
  readonly network: string | undefined;
  /** At least one key. */
  readonly keys: readonly TokenKey[];
  /** Whether whoever has the set can make tokens. */
  readonly isSecret: boolean;
}

/** A JSON Web Key: the members that are used here. A private key has `d`, a shared one `k`. */
export interface JsonKey {
  /** The kind of the key: `oct`, `OKP` or `EC`. */
  kty: string;
  /** The id of the key. */
  kid?: string;
  /** The algorithm for which it is made. */
  alg?: string;
  /** What it is for: `sig`. */
  use?: string;
  /** What it may do. */
  key_ops?: string[];
  /** The curve. */
  crv?: string;
  /** A part of a public key. */
  x?: string;
  /** A part of a public key. */
  y?: string;
  /** A private key. */
  d?: string;
  /** A shared key. */
  k?: string;
}

/** A set of keys as JSON. The member `network` is an addition of netlab. */
export interface JsonKeySet {
  /** The name of the network. */
  network?: string;
  /** The keys. */
  keys: JsonKey[];
}

/**
 * Reads a JSON Web Key or a JSON Web Key Set as JSON, and checks nothing but that.
 *
 * @throws {TypeError} When it is neither.
 */
export function parseKeySet(text: string): JsonKeySet {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The message of the parser shows parts of the file.
    throw new TypeError("it is no JSON");
  }
  const set = value as Partial<JsonKeySet> & Partial<JsonKey> | null;
  if (typeof set?.kty === "string") return { keys: [set as JsonKey] };
  const { keys, network } = set ?? {};
  if (!Array.isArray(keys) || !keys.every((key) => typeof key?.kty === "string")) {
    throw new TypeError("it is neither a JSON Web Key nor a set of them");
  }
  if (network !== undefined && typeof network !== "string") {
    throw new TypeError('its member "network" is no text');
  }
  return { keys, ...network !== undefined && { network } };
}

/**
 * Reads the keys with which a server checks tokens. Ignores keys of kinds that are not used here.
 *
 * @throws {TypeError} When there is no key that can be used, or one that must not be there.
 */
export async function readKeySet(text: string): Promise<KeySet> {
  const { network, keys } = parseKeySet(text);
  if (keys.length > MAX_KEYS) throw new TypeError(`it has more than ${MAX_KEYS} keys`);
  const read: TokenKey[] = [];
  for (const jwk of keys) {
    const key = await readKey(jwk);
    if (key === undefined) continue;
    if (read.some(({ id }) => id === key.id)) {
      throw new TypeError(
        key.id === undefined
          ? 'it has several keys without an id; give each its own "kid"'
          : 'two of its keys have the same "kid"',
      );
    }
    read.push(key);
  }
  if (read.length === 0) {
    throw new TypeError("it has no key for HS256, EdDSA (Ed25519) or ES256");
  }
  return { network, keys: read, isSecret: keys.some(({ kty }) => kty === "oct") };
}

/** Returns the algorithm for which a key is made; `undefined` when it is not used here. */
export function algorithmOf({ kty, crv, alg, use, key_ops }: JsonKey): Algorithm | undefined {
  if (use !== undefined && use !== "sig") return undefined;
  if (key_ops !== undefined && !key_ops.some((what) => what === "verify" || what === "sign")) {
    return undefined;
  }
  switch (kty) {
    case "oct":
      return alg === undefined || alg === "HS256" ? "HS256" : undefined;
    case "OKP":
      if (crv !== "Ed25519") return undefined;
      return alg === undefined || alg === "EdDSA" || alg === "Ed25519" ? "EdDSA" : undefined;
    case "EC":
      if (crv !== "P-256") return undefined;
      return alg === undefined || alg === "ES256" ? "ES256" : undefined;
    default:
      return undefined;
  }
}

async function readKey(jwk: JsonKey): Promise<TokenKey | undefined> {
  const algorithm = algorithmOf(jwk);
  if (algorithm === undefined) return undefined;
  if (jwk.kty !== "oct" && jwk.d !== undefined) {
    throw new TypeError("it has a private key; servers need only the file with the public keys");
  }
  const { kid: id } = jwk;
  if (id !== undefined && typeof id !== "string") throw new TypeError('a "kid" in it is no text');
  let key: CryptoKey | Uint8Array;
  let thumbprint: string;
  try {
    // Members such as `ext` do not matter here.
    const { kty, crv, x, y, k } = jwk;
    key = jwk.kty === "oct"
      ? base64url.decode(k ?? "")
      : await importJWK({ kty, crv, x, ...y !== undefined && { y } } as JWK, algorithm);
    thumbprint = await calculateJwkThumbprint(jwk as JWK);
  } catch {
    // The error of the library may show parts of a secret.
    throw new TypeError(`one of its keys for ${algorithm} is damaged`);
  }
  if (key instanceof Uint8Array && key.length < MIN_SHARED_BYTES) {
    throw new TypeError(`its shared key is shorter than ${MIN_SHARED_BYTES} bytes`);
  }
  return { id, algorithm, key, thumbprint };
}
