/**
 * The key of a server on a network with keys. Owns the files `server.key` and `server.pub` in the data folder. Does not
 * know what is signed.
 *
 * @module
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { keyThumbprint, serverIdOf } from "@netlab/protocol/server-id";
import type { SigningHost } from "../../core/host.ts";
import { createSecretFile, readSecretFile, SecretFileError } from "../../files/secret_file.ts";
import { processTime } from "../process_time.ts";

/** The name of the file with the private key: a JSON Web Key. */
export const SERVER_KEY = "server.key";
/** The name of the file with the public key. */
export const SERVER_PUB = "server.pub";

/** The key of one run of a server. */
export class ServerKey implements SigningHost {
  readonly key: Uint8Array;
  readonly startedAt: number = Math.round(processTime());
  readonly #private: KeyObject;

  private constructor(key: KeyObject) {
    this.#private = key;
    this.key = Uint8Array.fromBase64(jwkOf(key).x, { alphabet: "base64url" });
  }

  /** Creates a key in memory. */
  static create(): ServerKey {
    return new ServerKey(generateKeyPairSync("ed25519").privateKey);
  }

  /**
   * Reads the key in a data folder, or creates it.
   *
   * @throws {SecretFileError} When others may use the file, it contains no key, or cannot be read or written.
   * @throws {Deno.errors.NotCapable} When the program has no permission for the folder.
   */
  static open(folder: string): ServerKey {
    const path = `${folder}/${SERVER_KEY}`;
    try {
      Deno.lstatSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      const created = ServerKey.create();
      created.saveTo(folder);
      return created;
    }
    const known = new ServerKey(parse(path, readSecretFile(path)));
    known.#savePublic(folder);
    return known;
  }

  /** The id of the server: a UUID, new at every start. */
  get id(): string {
    return serverIdOf(this);
  }

  /** The thumbprint of the public key, to which a token may be bound. */
  get thumbprint(): string {
    return keyThumbprint(this.key);
  }

  sign(text: Uint8Array): Uint8Array {
    return sign(null, text, this.#private);
  }

  time(): number {
    return Date.now();
  }

  /** Writes the files to a folder that has none. Throws the errors of {@linkcode ServerKey.open}. */
  saveTo(folder: string): void {
    const { kty, crv, x, d } = jwkOf(this.#private);
    createSecretFile(`${folder}/${SERVER_KEY}`, `${JSON.stringify({ kty, crv, x, d })}\n`);
    this.#savePublic(folder);
  }

  /** Writes the file with the public key, unless it is right. Nothing but a new token needs it. */
  #savePublic(folder: string): void {
    const { kty, crv, x } = jwkOf(this.#private);
    const path = `${folder}/${SERVER_PUB}`;
    const text = `${JSON.stringify({ kty, crv, x })}\n`;
    try {
      if (Deno.readTextFileSync(path) === text) return;
    } catch {
      // It does not exist, or cannot be read.
    }
    try {
      Deno.writeTextFileSync(path, text);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
    }
  }
}

/**
 * Returns the thumbprint of the public key in the text of a file `server.pub`.
 *
 * @throws {TypeError} When it contains no public key of Ed25519, or a private one.
 */
export function thumbprintIn(text: string): string {
  const jwk = asJson(text);
  if (!isEd25519(jwk)) throw new TypeError("it contains no key of a server");
  if ("d" in jwk) throw new TypeError("it contains the private key; name the file server.pub");
  return keyThumbprint(Uint8Array.fromBase64(jwk.x, { alphabet: "base64url" }));
}

function parse(path: string, text: string): KeyObject {
  const jwk = asJson(text);
  try {
    // deno-lint-ignore no-explicit-any
    if (isEd25519(jwk)) return createPrivateKey({ key: jwk as any, format: "jwk" });
  } catch {
    // The message below says it without a part of the file.
  }
  throw new SecretFileError(
    `Cannot use ${path}: it contains no key of a server; restore it, or remove it for a new key`,
  );
}

function isEd25519(jwk: unknown): jwk is { x: string } {
  const { kty, crv, x } = (jwk ?? {}) as Record<string, unknown>;
  return kty === "OKP" && crv === "Ed25519" && typeof x === "string" && /^[\w-]{43}$/.test(x);
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function jwkOf(key: KeyObject): { kty: string; crv: string; x: string; d: string } {
  return key.export({ format: "jwk" }) as ReturnType<typeof jwkOf>;
}
