/**
 * The TLS side of a server: its certificate, which is replaced when its files change, and its handshakes. Does not
 * know frames.
 *
 * @module
 */
import {
  type Certificate,
  CertificateFiles,
  ErrorCode,
  type LoadedCertificate,
  NetlabError,
  parseHost,
  type TlsConnection,
  TlsTerminator,
  whyClientFailed,
} from "@netlab/protocol";
import type { Logger } from "../../core/logger.ts";
import { Handshakes } from "./handshakes.ts";

/** How often the files are compared with those in use: milliseconds. */
const CHECK_MS = 1_000;
/** How long before its end a certificate should be renewed: milliseconds. */
const RENEW_MS = 7 * 24 * 3_600_000;
/** How many hosts are remembered whose handshakes have failed, so that each is logged once. */
const MAX_HOSTS = 1_000;

/** The certificate and the handshakes of one server. */
export class ServerTls {
  readonly #files: CertificateFiles;
  readonly #logger: Logger;
  readonly #handshakes: Handshakes;
  #terminator: TlsTerminator;
  readonly #failed = new Set<string>();
  #certificate: LoadedCertificate;
  /** The files in use, and those that the last check found, as `CertificateFiles.fingerprint` describes them. */
  #used: string;
  #found: string;
  #checkedAt = performance.now();
  #checking: Promise<void> | undefined;
  #warnedOf: "nothing" | "renewal" | "end" = "nothing";
  #hostname = "";

  private constructor(
    files: CertificateFiles,
    fingerprint: string,
    certificate: LoadedCertificate,
    logger: Logger,
    opened: (connection: TlsConnection, hostname: string) => void,
  ) {
    this.#files = files;
    this.#used = this.#found = fingerprint;
    this.#certificate = certificate;
    this.#logger = logger;
    this.#terminator = new TlsTerminator(certificate);
    this.#handshakes = new Handshakes({
      terminator: () => this.#terminator,
      opened,
      failed: (error, hostname) => this.#logFailure(error, hostname),
    });
  }

  /**
   * Reads the files.
   *
   * @param opened Called with each connection whose handshake is finished, and the host of the client.
   * @throws {TypeError} When only one of the files is named.
   * @throws {NetlabError} {@linkcode ErrorCode.TlsFailed} when they cannot be used.
   */
  static async open(
    cert: string | undefined,
    key: string | undefined,
    logger: Logger,
    opened: (connection: TlsConnection, hostname: string) => void,
  ): Promise<ServerTls | undefined> {
    if (cert === undefined && key === undefined) return undefined;
    if (cert === undefined || key === undefined) {
      throw new TypeError('Cannot use TLS: the options "tlsCert" and "tlsKey" need each other');
    }
    const files = new CertificateFiles(cert, key);
    // A change after this is found by the next check.
    const fingerprint = await files.fingerprint();
    return new ServerTls(files, fingerprint, await files.load(), logger, opened);
  }

  /** Begins the handshake of a connection that was accepted. */
  accepted(conn: Deno.TcpConn): void {
    this.#handshakes.begin(conn);
  }

  /** Notes the host at which others reach the server. Clients compare it with the certificate. */
  advertise(hostname: string): void {
    this.#hostname = hostname;
    this.#checkCertificate();
  }

  /** Ends late handshakes, and looks at the files when it is time. Call it several times a second. */
  tick(): void {
    this.#handshakes.tick();
    const now = performance.now();
    if (this.#checking || now - this.#checkedAt < CHECK_MS) return;
    this.#checkedAt = now;
    this.#checking = this.#check().finally(() => this.#checking = undefined);
  }

  /** Ends all handshakes. */
  async close(): Promise<void> {
    await Promise.all([this.#checking, this.#handshakes.close()]);
    await this.#terminator.close();
  }

  /** Uses the files when they have changed since they were used, and not since the last check: both must be complete. */
  async #check(): Promise<void> {
    const found = await this.#files.fingerprint();
    const isSettled = found === this.#found;
    this.#found = found;
    if (found === this.#used || !isSettled) return this.#warnOfEnd();
    this.#used = found;
    try {
      const certificate = await this.#files.load();
      this.#replace(certificate);
      this.#certificate = certificate;
      this.#warnedOf = "nothing";
      this.#logger.info("the new certificate is in use; it is valid until {until}", {
        event: "tls.replaced",
        until: day(certificate.validTo),
      });
      this.#checkCertificate();
    } catch (error) {
      this.#logger.warn("{reason}; the certificate in use stays", {
        event: "tls.refused",
        reason: (error as Error).message,
        code: ErrorCode.TlsFailed,
      });
    }
  }

  #replace(certificate: Certificate): void {
    try {
      const next = new TlsTerminator(certificate);
      void this.#terminator.close();
      this.#terminator = next;
    } catch (cause) {
      const why = (cause as Error).message;
      throw new NetlabError(ErrorCode.TlsFailed, `Cannot use the new certificate: ${why}`, {
        cause,
      });
    }
  }

  #checkCertificate(): void {
    this.#warnOfEnd();
    if (this.#hostname === "" || this.#certificate.isFor(this.#hostname)) return;
    this.#logger.warn(
      "the certificate is not for {hostname}, where others reach this server: they will refuse it; " +
        "create one for that host",
      { event: "tls.other-host", hostname: this.#hostname },
    );
  }

  #warnOfEnd(): void {
    const { validTo } = this.#certificate;
    const leftMs = validTo.getTime() - Date.now();
    const due = leftMs <= 0 ? "end" : leftMs <= RENEW_MS ? "renewal" : "nothing";
    if (due === this.#warnedOf) return;
    this.#warnedOf = due;
    if (due === "nothing") return;
    const what = due === "end"
      ? "the certificate has expired: clients refuse it"
      : "the certificate expires on {until}";
    this.#logger.warn(`${what}; replace its files, which needs no restart`, {
      event: "tls.expires",
      until: day(validTo),
    });
  }

  /** Logs the failures that somebody can do something about, once for each host. */
  #logFailure(error: unknown, hostname: string): void {
    const host = parseHost(hostname) ?? hostname;
    const isPlain = error instanceof NetlabError;
    const reason = isPlain
      ? "it does not use TLS; the address of this server begins with tls://"
      : whyClientFailed(error);
    if (reason === undefined || this.#failed.has(host) || this.#failed.size === MAX_HOSTS) {
      return this.#logger.debug("a handshake with {host} failed: {error}", { host, error });
    }
    this.#failed.add(host);
    this.#logger.warn("a connection from {host} has failed: {reason}", {
      event: "tls.failed",
      host,
      reason,
    });
  }
}

/** Formats a day, such as `2026-11-29`. */
function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
