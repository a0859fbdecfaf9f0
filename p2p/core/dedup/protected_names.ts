/**
 * The names that are protected by a secret, on all servers of an open network. Owns which record of a name counts
 * and when it expires. Knows only public keys, never a secret. Does not know who has a name.
 *
 * @module
 */
import { type ProtectedName, protectionText, registrationText } from "@netlab/protocol/codec";

const DAY_MS = 24 * 3_600_000;
/** How long a name stays protected after its user has registered it last: milliseconds. */
export const PROTECTED_MS: number = 180 * DAY_MS;
/** A record of the same key is renewed when it is older: milliseconds. */
const RENEW_MS = DAY_MS;
/** How far the clock of a user may be ahead: milliseconds. */
const MAX_AHEAD_MS = DAY_MS;

/** Verifies a signature of Ed25519. */
export type VerifySignature = (
  key: Uint8Array,
  text: Uint8Array,
  signature: Uint8Array,
) => boolean;

/**
 * What became of a record: it counts now, it says nothing new, it was not signed by who may say so, or there is no
 * room for it.
 */
export type Protecting = "added" | "known" | "refused" | "full";

/** The protected names that one server knows. */
export class ProtectedNames {
  readonly #verify: VerifySignature;
  readonly #most: number;
  readonly #save: (record: ProtectedName) => void;
  /** By name. Those without a key are kept, so that older records of them do not come back. */
  readonly #records = new Map<string, ProtectedName>();

  /**
   * Begins without names.
   *
   * @param most The most names, half of which may come from other servers.
   * @param save Called with each record that counts from now on.
   */
  constructor(verify: VerifySignature, most: number, save: (record: ProtectedName) => void) {
    this.#verify = verify;
    this.#most = most;
    this.#save = save;
  }

  /** Adds a record that was saved before. */
  load(record: ProtectedName): void {
    this.#records.set(record.name, record);
  }

  /** Returns all records, also those of names that are not protected any more. */
  all(): Iterable<ProtectedName> {
    return this.#records.values();
  }

  /** Returns whether this or a later record of the name is known. */
  knows({ name, version }: ProtectedName): boolean {
    return version <= (this.#records.get(name)?.version ?? -1);
  }

  /**
   * Returns whether a session may register a name: if it is not protected, or the session signed with its key.
   *
   * @param server The id of this server.
   * @param session The id of the session.
   */
  admits(
    name: string,
    server: string,
    session: string,
    signature: Uint8Array | undefined,
    now: number,
  ): boolean {
    const record = this.#records.get(name);
    if (!record || isDropped(record)) return true;
    if (now - record.version >= PROTECTED_MS) {
      this.#records.delete(name);
      return true;
    }
    return signature !== undefined &&
      this.#verify(record.key, registrationText(server, session, name), signature);
  }

  /**
   * Takes a record, from a user of this server or from another server.
   *
   * @param now The current time: milliseconds since 1970.
   */
  take(record: ProtectedName, isOwn: boolean, now: number): Protecting {
    const { name, version, key, signature, previous } = record;
    const known = this.#records.get(name);
    const isSame = known !== undefined && isEqual(known.key, key);
    if (known && (version <= known.version || (isSame && version - known.version < RENEW_MS))) {
      return isSame ? "known" : "refused";
    }
    if (version > now + MAX_AHEAD_MS || now - version >= PROTECTED_MS) return "refused";
    const text = protectionText({ name, version, key });
    const hadKey = known !== undefined && !isDropped(known);
    if (hadKey && !this.#verify(known.key, text, previous)) return "refused";
    if (isDropped(record)) {
      if (!hadKey) return "known";
    } else if (!this.#verify(key, text, signature)) return "refused";
    if (!known && this.#records.size >= (isOwn ? this.#most : this.#most / 2)) {
      this.#expire(now);
      if (this.#records.size >= (isOwn ? this.#most : this.#most / 2)) return "full";
    }
    this.#records.set(name, record);
    this.#save(record);
    return "added";
  }

  #expire(now: number): void {
    for (const [name, { version }] of this.#records) {
      if (now - version >= PROTECTED_MS) this.#records.delete(name);
    }
  }
}

/** Returns whether a record says that its name is not protected any more. */
export function isDropped({ key }: ProtectedName): boolean {
  return key.every((byte) => byte === 0);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
