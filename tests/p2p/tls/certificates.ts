/**
 * Certificates for tests of TLS, in a folder that is removed afterwards.
 *
 * @module
 */
import { createCertificate, type CreatedCertificate } from "@netlab/p2p/certificate";
import type { Logger } from "@netlab/p2p";
import { TestFolder } from "../../folders.ts";

/** An authority, and the certificates that it has signed. */
export class TestAuthority implements Disposable {
  readonly #folder = new TestFolder();

  /** The folder, from the root of the workspace. */
  get path(): string {
    return this.#folder.path;
  }

  /** The certificate of the authority. */
  get ca(): string {
    return `${this.path}/ca.pem`;
  }

  /** Creates or renews a certificate that was made `daysAgo` and is valid for `days` from then on. */
  async create(
    name = "server",
    hosts = ["127.0.0.1", "localhost"],
    { daysAgo = 0, days = 30 } = {},
  ): Promise<CreatedCertificate> {
    const { now } = Date;
    Date.now = () => now() - daysAgo * 24 * 3_600_000;
    try {
      return await createCertificate({ hosts, dir: this.path, name, days });
    } finally {
      Date.now = now;
    }
  }

  /** The options of a server with a new certificate. It trusts this authority. */
  async server(name = "server"): Promise<{ tlsCert: string; tlsKey: string; tlsCa: string }> {
    const { cert, key, ca } = await this.create(name);
    return { tlsCert: cert, tlsKey: key, tlsCa: ca };
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/** A logger that keeps what a person would see. */
export function keepingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const keep = (message: string, properties: Record<string, unknown> = {}) => {
    lines.push(message.replace(/\{(\w+)\}/g, (_, name) => String(properties[name])));
  };
  return { lines, logger: { debug: () => {}, info: keep, warn: keep, error: keep } as Logger };
}
