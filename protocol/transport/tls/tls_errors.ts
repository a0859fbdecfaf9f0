/**
 * Explains errors of TLS handshakes to people. Knows the messages of rustls, which Deno uses: it has no classes or
 * codes for these errors. Does not open connections.
 *
 * @module
 */

/** What rustls says about the certificate of a server, and what that means to the client that dialled it. */
const OF_SERVERS: readonly (readonly [RegExp, string])[] = [
  [
    /UnknownIssuer/,
    "its certificate is from an authority that is not trusted here; trust that with --tls-ca",
  ],
  [/certificate expired|Expired/, "its certificate has expired; the server needs a new one"],
  [
    /not valid yet|NotValidYet/,
    "its certificate is not valid yet; check the clocks of both machines",
  ],
  [
    /CaUsedAsEndEntity/,
    "its certificate is that of an authority, which servers cannot use; create one for the server",
  ],
  [
    /NotValidForName/,
    "its certificate is for another host; use the name that is in the certificate",
  ],
  [/InvalidContentType/, "it does not use TLS; leave out tls:// before its address"],
  [
    /BadSignature/,
    "its certificate was not signed by the authority that is trusted here; trust the right one with --tls-ca",
  ],
  [/invalid peer certificate/, "its certificate cannot be used"],
];

/** The names in a certificate, in the message about a wrong host. */
const WRONG_NAME = /not valid for name "([^"]*)"(?:; certificate is only valid for (.*))?/;

/**
 * Returns why a client could not use TLS with a server, as the end of a sentence; `undefined` when the error has
 * nothing to do with TLS, such as a broken connection.
 */
export function whyTlsFailed(error: unknown): string | undefined {
  if (!isTlsError(error)) return undefined;
  const [, name, names] = WRONG_NAME.exec(error.message) ?? [];
  if (name !== undefined) {
    const valid = names?.replace(/(?:DnsName|IpAddress)\("?([^")]*)"?\)/g, "$1");
    return `its certificate is for ${
      valid ?? "another host"
    }, not for ${name}; use a name that is in the ` +
      "certificate, or create one that has this name";
  }
  const known = OF_SERVERS.find(([pattern]) => pattern.test(error.message));
  return known ? known[1] : `TLS failed: ${error.message}`;
}

/** What rustls says about a client that has dialled, and what that means to the server. */
const OF_CLIENTS: readonly (readonly [RegExp, string])[] = [
  [/UnknownCA/, "it does not trust the authority of this server's certificate; it needs --tls-ca"],
  [/CertificateExpired/, "for it, this server's certificate has expired"],
  [
    /BadCertificate|CertificateUnknown|UnsupportedCertificate|AccessDenied/,
    "it does not accept this server's certificate",
  ],
  [/ProtocolVersion|SupportedVersionsExtension|Tls12NotOffered/, "its version of TLS is too old"],
];

/**
 * Returns why a client could not use TLS with this server, as the end of a sentence; `undefined` when there is nothing
 * that a person could do, as after a broken connection.
 */
export function whyClientFailed(error: unknown): string | undefined {
  if (!isTlsError(error)) return undefined;
  return OF_CLIENTS.find(([pattern]) => pattern.test(error.message))?.[1];
}

function isTlsError(error: unknown): error is Error {
  return error instanceof Deno.errors.InvalidData;
}
