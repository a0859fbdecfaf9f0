/**
 * The certificate of a server and its key, in two files. Owns what is checked before they are used, and what the
 * errors say. Does not listen.
 *
 * @module
 */
import { quote } from "../../codec/names/quote.ts";
import { ErrorCode, NetlabError } from "../../codec/errors.ts";
import { firstCertificate } from "./pem.ts";
import type { Certificate } from "./tls_tunnel.ts";
import { whyUnreadable } from "./trust_file.ts";

/** What the files contain. */
export interface LoadedCertificate extends Certificate {
  /** When the certificate ends. */
  readonly validTo: Date;
  /** Returns whether it is valid for a host name or an IP address. */
  isFor(hostname: string): boolean;
}

/** The permissions of a key file that others than its owner must not have. */
const OTHERS = 0o077;
const WHAT_NEXT = '"deno task certificate" creates both files';

/** The files of a certificate and its key. */
export class CertificateFiles {
  readonly #cert: string;
  readonly #key: string;

  /** Names the files: PEM each. The first one may also hold the certificates between it and its authority. */
  constructor(cert: string, key: string) {
    this.#cert = cert;
    this.#key = key;
  }

  /** Returns a text that changes when the files do. It says nothing about the key. */
  async fingerprint(): Promise<string> {
    const stats = await Promise.all([this.#cert, this.#key].map((path) =>
      Deno.stat(path).then(
        ({ mtime, size, ino, mode }) => [mtime?.getTime(), size, ino, mode].join(),
        () => "none",
      )
    ));
    return stats.join(" ");
  }

  /**
   * Reads and checks both files.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.TlsFailed} when one of them cannot be read or used, when they do not
   *   belong together, when the certificate is not valid now, or when others may read the key.
   */
  async load(): Promise<LoadedCertificate> {
    const cert = await read("certificate", this.#cert);
    const certificate = await firstCertificate(cert);
    if (!certificate) {
      throw fault("certificate", this.#cert, `it is not one in PEM form; ${WHAT_NEXT}`);
    }
    if (certificate.ca) {
      const why = "it is that of an authority, which clients refuse; create one for the server";
      throw fault("certificate", this.#cert, why);
    }
    const [validFrom, validTo] = [certificate.validFrom, certificate.validTo].map((text) =>
      new Date(text)
    );
    const now = Date.now();
    if (now > validTo!.getTime()) {
      throw fault("certificate", this.#cert, `it expired on ${day(validTo!)}; create a new one`);
    }
    if (now < validFrom!.getTime()) {
      const why = `it is valid from ${day(validFrom!)} on; is the clock of this machine right?`;
      throw fault("certificate", this.#cert, why);
    }
    const { mode } = await Deno.stat(this.#key).catch((error) => {
      throw fault("key", this.#key, whyUnreadable(error), error);
    });
    // Windows has no modes.
    if (mode !== null && (mode & OTHERS) !== 0) {
      const why = `others may read it; run chmod 600 ${this.#key}`;
      throw fault("key", this.#key, why);
    }
    const key = await read("key", this.#key);
    const { createPrivateKey } = await import("node:crypto");
    let isPair: boolean;
    try {
      isPair = certificate.checkPrivateKey(createPrivateKey(key));
    } catch {
      // The error might quote the key.
      throw fault(
        "key",
        this.#key,
        `it is no private key in PEM form without a password; ${WHAT_NEXT}`,
      );
    }
    if (!isPair) {
      throw fault("key", this.#key, `it is not the key of the certificate in ${quote(this.#cert)}`);
    }
    return {
      cert,
      key,
      validTo: validTo!,
      isFor: (hostname) =>
        (certificate.checkHost(hostname) ?? certificate.checkIP(hostname)) !== undefined,
    };
  }
}

async function read(what: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw fault(what, path, whyUnreadable(error), error);
  }
}

function fault(what: string, path: string, why: string, cause?: unknown): NetlabError {
  const message = `Cannot use the ${what} in ${quote(path)}: ${why}`;
  return new NetlabError(ErrorCode.TlsFailed, message, { cause, fatal: true });
}

/** Formats a day, such as `2026-11-29`. */
function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
