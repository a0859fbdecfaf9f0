/**
 * Creates certificates for servers, and the authority that signs them, and the program that does it. For
 * development and for networks that one team operates: everybody in it must trust the authority.
 *
 * @module
 */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { ErrorCode, isIpAddress, NetlabError, parseHost, quote } from "@netlab/protocol";
import config from "./deno.json" with { type: "json" };

/** What to create. */
export interface CertificateOptions {
  /** The host names and IP addresses for which the certificate is valid; IPv6 without brackets. At least one. */
  hosts: readonly string[];
  /** The folder of all files. It is created if it does not exist. */
  dir: string;
  /**
   * The name of the files: letters, digits, dots, hyphens and underscores (ASCII).
   *
   * @default {"server"}
   */
  name?: string;
  /**
   * How long the certificate is valid: 1 to 3,650 days, but not longer than that of the authority.
   *
   * @default {365}
   */
  days?: number;
}

/** The files of a certificate. */
export interface CreatedCertificate {
  /** The certificate of the authority, for everybody who connects to the server. */
  ca: string;
  /** The certificate of the server. */
  cert: string;
  /** The private key of the server: mode 0600. */
  key: string;
  /** Whether the authority is new. */
  isNewAuthority: boolean;
  /** When the certificate ends. */
  validTo: Date;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 24 * 3_600_000;
/** How long an authority is valid: days. */
const AUTHORITY_DAYS = 3_650;
/** Certificates begin earlier, for machines whose clocks are late: milliseconds. */
const EARLIER_MS = 3_600_000;
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
/** The permissions of a key file that others than its owner must not have. */
const OTHERS = 0o077;

/** A certificate that signs others. */
interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly key: CryptoKey;
}

/**
 * Creates a certificate and its key: `NAME.pem` and `NAME-key.pem`. The authority in the folder signs it, `ca.pem` and
 * `ca-key.pem`; it is created if there is none. Existing files of a server are replaced, so a second call renews its
 * certificate.
 *
 * @throws {TypeError} When an option is wrong.
 * @throws {NetlabError} {@linkcode ErrorCode.TlsFailed} when the files of the authority cannot be used, or the new ones
 *   cannot be written.
 *
 * @example
 * ```ts ignore
 * import { createCertificate } from "@netlab/p2p/certificate";
 *
 * const { cert, key, ca } = await createCertificate({ hosts: ["localhost"], dir: "data/tls" });
 * ```
 */
export async function createCertificate(options: CertificateOptions): Promise<CreatedCertificate> {
  const { hosts, dir, name = "server", days = 365 } = options;
  const names = hosts.map(alternativeName);
  if (names.length === 0) {
    throw new TypeError("Cannot create a certificate: name at least one host");
  }
  if (!FILE_NAME.test(name) || name === "ca") {
    throw new TypeError(
      `Cannot use ${quote(name)} as the name of files: use another name, such as server-1`,
    );
  }
  if (!Number.isInteger(days) || days < 1 || days > AUTHORITY_DAYS) {
    throw new TypeError(`Cannot create a certificate for ${days} days: use 1 to ${AUTHORITY_DAYS}`);
  }
  const [ca, caKey] = [`${dir}/ca.pem`, `${dir}/ca-key.pem`];
  const [cert, key] = [`${dir}/${name}.pem`, `${dir}/${name}-key.pem`];
  try {
    await Deno.mkdir(dir, { recursive: true });
    const known = await readAuthority(ca, caKey);
    const { certificate: authority, key: signingKey } = known ?? await createAuthority(ca, caKey);
    const keys = await createKeys();
    const notAfter = new Date(Math.min(Date.now() + days * DAY_MS, authority.notAfter.getTime()));
    const certificate = await x509.X509CertificateGenerator.create({
      subject: [{ CN: ["netlab server"] }],
      issuer: authority.subject,
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(Date.now() - EARLIER_MS),
      notAfter,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(names),
        await x509.AuthorityKeyIdentifierExtension.create(authority),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    // A server that runs waits until both have changed.
    await write(key, await toPem(keys.privateKey), 0o600);
    await write(cert, `${certificate.toString("pem")}\n`, 0o644);
    return { ca, cert, key, isNewAuthority: known === undefined, validTo: notAfter };
  } catch (cause) {
    if (cause instanceof NetlabError || cause instanceof Deno.errors.NotCapable) throw cause;
    throw failed(dir, (cause as Error).message, cause);
  }
}

function alternativeName(text: string): { type: "ip" | "dns"; value: string } {
  const host = parseHost(text);
  if (host === undefined || host.includes("%")) {
    throw new TypeError(
      `Cannot create a certificate for ${quote(text)}: it is no host name or IP address`,
    );
  }
  return { type: isIpAddress(host) ? "ip" : "dns", value: host };
}

/** Reads the authority in a folder; `undefined` when there is none. */
async function readAuthority(ca: string, caKey: string): Promise<Authority | undefined> {
  const [pem, keyPem] = [await readIfThere(ca), await readIfThere(caKey)];
  if (pem === undefined && keyPem === undefined) return undefined;
  const replace =
    `move ${ca} and ${caKey} away to create a new authority, which everybody must then trust`;
  if (pem === undefined || keyPem === undefined) {
    throw failed(pem === undefined ? ca : caKey, `there is no such file; ${replace}`);
  }
  const { mode } = await Deno.stat(caKey);
  if (mode !== null && (mode & OTHERS) !== 0) {
    throw failed(caKey, `others may read it; run chmod 600 ${caKey}`);
  }
  let authority: Authority;
  try {
    authority = { certificate: new x509.X509Certificate(pem), key: await fromPem(keyPem) };
  } catch {
    // The error might quote the key.
    throw failed(ca, `it cannot be read; ${replace}`);
  }
  if (authority.certificate.notAfter.getTime() < Date.now()) {
    throw failed(ca, `it has expired; ${replace}`);
  }
  return authority;
}

async function createAuthority(ca: string, caKey: string): Promise<Authority> {
  const keys = await createKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // Programs that list authorities show the name. If two had the same name, clients could confuse them.
    name: [{ CN: [`netlab development CA ${crypto.randomUUID().slice(0, 8)}`] }],
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - EARLIER_MS),
    notAfter: new Date(Date.now() + AUTHORITY_DAYS * DAY_MS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await write(caKey, await toPem(keys.privateKey), 0o600);
  await write(ca, `${certificate.toString("pem")}\n`, 0o644);
  return { certificate, key: keys.privateKey };
}

function createKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

async function toPem(key: CryptoKey): Promise<string> {
  const pem = x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
  return `${pem}\n`;
}

function fromPem(pem: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(pem), ALGORITHM, false, [
    "sign",
  ]);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Writes a whole file, or nothing. Nobody else can read a key at any time. */
async function write(path: string, text: string, mode: number): Promise<void> {
  const partial = `${path}.partial`;
  await Deno.remove(partial).catch(() => {});
  await Deno.writeTextFile(partial, text, { mode, createNew: true });
  await Deno.rename(partial, path);
}

function failed(path: string, why: string, cause?: unknown): NetlabError {
  const message = `Cannot create a certificate with ${path}: ${why}`;
  return new NetlabError(ErrorCode.TlsFailed, message, { cause });
}

if (import.meta.main) {
  const { runCertificateProgram } = await import("./terminal/certificate_program.ts");
  await runCertificateProgram(config.version, createCertificate);
}
