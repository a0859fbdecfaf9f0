/**
 * Reads certificates in PEM form. Knows no files.
 *
 * @module
 */
import type { X509Certificate } from "node:crypto";

/** One certificate in PEM form. The parts cannot overlap, so matching takes linear time. */
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g;

/** Returns the certificates in a text, PEM each; `undefined` when there is none, or one that cannot be read. */
export async function certificatesIn(text: string): Promise<string[] | undefined> {
  const certificates = text.match(CERTIFICATE) ?? [];
  for (const certificate of certificates) if (!await parse(certificate)) return undefined;
  return certificates.length > 0 ? certificates : undefined;
}

/** Returns the first certificate in a text, which is that of the server itself. */
export async function firstCertificate(text: string): Promise<X509Certificate | undefined> {
  const [first] = text.match(CERTIFICATE) ?? [];
  return first === undefined ? undefined : await parse(first);
}

async function parse(certificate: string): Promise<X509Certificate | undefined> {
  // Few programs need this module.
  const { X509Certificate } = await import("node:crypto");
  try {
    return new X509Certificate(certificate);
  } catch {
    return undefined;
  }
}
