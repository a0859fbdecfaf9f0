/**
 * The certificate authorities that a program trusts besides the public ones: a file in PEM form. Owns how it is
 * read and checked. Does not open connections.
 *
 * @module
 */
import { quote } from "../../codec/names/quote.ts";
import { ErrorCode, NetlabError } from "../../codec/errors.ts";
import { certificatesIn } from "./pem.ts";

/** A file with certificates of authorities. */
export class TrustFile {
  /** The path of the file. */
  readonly path: string;
  #certificates: string[] | undefined;

  /** Names the file. {@linkcode TrustFile.load} reads it. */
  constructor(path: string) {
    this.path = path;
  }

  /**
   * Reads the file, so that mistakes show at the start.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.TlsFailed} when it cannot be read, or has no certificate.
   */
  async load(): Promise<void> {
    this.#certificates = await this.#read();
  }

  /**
   * Returns the certificates, PEM each, as they are in the file now. While the file cannot be read, the last ones
   * that could.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.TlsFailed} when the file could never be read.
   */
  async certificates(): Promise<string[]> {
    try {
      return this.#certificates = await this.#read();
    } catch (error) {
      if (this.#certificates) return this.#certificates;
      throw error;
    }
  }

  async #read(): Promise<string[]> {
    let text: string;
    try {
      text = await Deno.readTextFile(this.path);
    } catch (cause) {
      throw this.#fault(whyUnreadable(cause), cause);
    }
    const certificates = await certificatesIn(text);
    if (certificates) return certificates;
    throw this.#fault("it has no certificate in PEM form; name the certificate of the authority");
  }

  #fault(why: string, cause?: unknown): NetlabError {
    return new NetlabError(
      ErrorCode.TlsFailed,
      `Cannot trust the authority in ${quote(this.path)}: ${why}`,
      { cause, fatal: true },
    );
  }
}

/** Returns why a file cannot be read, as the end of a sentence. */
export function whyUnreadable(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "this user may not read it";
  if (error instanceof Deno.errors.NotCapable) {
    return 'this program may not read it; the tasks permit files below ./data, others need --allow-read after "deno run"';
  }
  return error instanceof Error ? error.message : String(error);
}
