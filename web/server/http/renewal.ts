/**
 * Replaces the certificate of HTTP servers when its files have changed. Owns when they are looked at. The messaging
 * server uses the same files, and logs what is wrong with them.
 *
 * @module
 */
import type { Server } from "node:http";
import { type Certificate, CertificateFiles } from "@netlab/protocol";

/** How often the files are looked at: milliseconds. */
const LOOK_MS = 1_000;

/** The certificate of the pages of one server. */
export class Renewal {
  readonly #files: CertificateFiles;
  /** What the files were like when they were used, and when they were looked at last. */
  #used: string;
  #found: string;
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(files: CertificateFiles, fingerprint: string, readonly first: Certificate) {
    this.#files = files;
    this.#used = this.#found = fingerprint;
  }

  /**
   * Reads the files.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.TlsFailed} when they cannot be used.
   */
  static async open(cert: string, key: string): Promise<Renewal> {
    const files = new CertificateFiles(cert, key);
    // A change after this is found by the next look.
    const fingerprint = await files.fingerprint();
    return new Renewal(files, fingerprint, await files.load());
  }

  /** Gives later certificates to these servers. */
  start(servers: readonly Server[]): void {
    this.#timer = setInterval(() => void this.#look(servers), LOOK_MS);
  }

  /** Ends. */
  close(): void {
    clearInterval(this.#timer);
  }

  /** Uses the files when they have changed, and not since the last look: both must be complete. */
  async #look(servers: readonly Server[]): Promise<void> {
    try {
      const found = await this.#files.fingerprint();
      const isSettled = found === this.#found;
      this.#found = found;
      if (found === this.#used || !isSettled) return;
      this.#used = found;
      const { cert, key } = await this.#files.load();
      for (const server of servers as readonly TlsServer[]) server.setSecureContext({ cert, key });
    } catch {
      // The certificate in use stays.
    }
  }
}

type TlsServer = Server & { setSecureContext(certificate: Certificate): void };
