/**
 * The secret that protects a user's name on an open network. Owns how a key follows from it, and signs with the
 * key. The secret itself never leaves the client.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, type KeyObject, scrypt, sign } from "node:crypto";
import {
  type ProtectedName,
  protectionText,
  PUBLIC_KEY_BYTES,
  registrationText,
  SIGNATURE_BYTES,
} from "@netlab/protocol";

/** The beginning of a private key of Ed25519 in PKCS #8; the 32 bytes of the seed follow. */
const PKCS8 = Uint8Array.fromHex("302e020100300506032b657004220420");
/** The work to find the key, which makes guessing secrets expensive: about 50 ms and 32 MiB. */
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };

/** The key of one name, which follows from the name and the secret. */
export class NameSecret {
  readonly #name: string;
  readonly #privateKey: KeyObject;
  readonly #publicKey: Uint8Array;

  private constructor(name: string, seed: Uint8Array) {
    this.#name = name;
    const der = new Uint8Array([...PKCS8, ...seed]);
    // deno-lint-ignore no-explicit-any
    this.#privateKey = createPrivateKey({ key: der as any, format: "der", type: "pkcs8" });
    const spki = createPublicKey(this.#privateKey).export({ format: "der", type: "spki" });
    this.#publicKey = new Uint8Array(spki).slice(-PUBLIC_KEY_BYTES);
  }

  /**
   * Finds the key: scrypt of the secret, with the name as salt.
   *
   * @throws {TypeError} When the secret is empty.
   */
  static async of(name: string, secret: string): Promise<NameSecret> {
    if (secret === "") throw new TypeError("Cannot protect a name: the secret is empty");
    const seed = Promise.withResolvers<Uint8Array>();
    const salt = `netlab name\0${name}`;
    scrypt(secret.normalize("NFC"), salt, 32, SCRYPT, (error, key) => {
      if (error) seed.reject(error);
      else seed.resolve(new Uint8Array(key));
    });
    return new NameSecret(name, await seed.promise);
  }

  /** Signs the registration of a session, by its id, at a server, by its id. */
  registration(server: string, session: string): Uint8Array {
    return this.#sign(registrationText(server, session, this.#name));
  }

  /** Returns the record that protects the name with this secret, or renews it. */
  protect(now: number): ProtectedName {
    return this.#record(now, this);
  }

  /** Returns the record that replaces this secret by another one, or drops the protection. */
  replace(now: number, next: NameSecret | undefined): ProtectedName {
    return this.#record(now, next);
  }

  #record(now: number, next: NameSecret | undefined): ProtectedName {
    const key = next ? next.#publicKey : new Uint8Array(PUBLIC_KEY_BYTES);
    const version = Math.floor(now);
    const text = protectionText({ name: this.#name, version, key });
    const signature = next ? next.#sign(text) : new Uint8Array(SIGNATURE_BYTES);
    return { name: this.#name, version, key, signature, previous: this.#sign(text) };
  }

  #sign(text: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, text, this.#privateKey));
  }
}
