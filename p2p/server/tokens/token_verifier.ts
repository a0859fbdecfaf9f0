/**
 * Checks tokens: JSON Web Tokens (RFC 7519) that are signed with a key of the network. Owns the order of the checks
 * and the sentence for each refusal. No sentence contains any part of a token but what it says about its holder.
 * Does not read files.
 *
 * @module
 */
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import { ErrorCode, MAX_TOKEN_BYTES, NetlabError } from "@netlab/protocol";
import { type Grant, type Role, ROLES } from "../../core/connection/grant.ts";
import type { KeySet, TokenKey } from "./key_set.ts";
import type { RevokedList } from "./revoked_list.ts";

/** By how much the clock of the issuer may differ from that of this server: milliseconds. */
export const CLOCK_SKEW_MS = 5_000;
/** The longest name of a holder: bytes of UTF-8. */
const MAX_SUBJECT_BYTES = 255;

/** Against what a token is checked. */
export interface TokenRules {
  /** The name of the network. */
  readonly network: string;
  /** The keys of the network. */
  readonly keys: KeySet;
  /** What has been revoked. */
  readonly revoked: RevokedList;
}

/**
 * Checks a token.
 *
 * @throws {NetlabError} A fatal one, with one of the codes of tokens, when it is not accepted.
 */
export async function verifyToken(token: string, rules: TokenRules): Promise<Grant> {
  if (token.length > MAX_TOKEN_BYTES) {
    throw refused(ErrorCode.TokenTooLong, "it is too long; get one with fewer claims");
  }
  const [key, algorithm] = findKey(token, rules.keys);
  let payload: JWTPayload;
  try {
    ({ payload } = await jwtVerify(token, key.key, {
      algorithms: [algorithm],
      audience: rules.network,
      requiredClaims: ["sub", "aud", "exp", "role"],
      clockTolerance: CLOCK_SKEW_MS / 1_000,
    }));
  } catch (error) {
    throw explain(error, rules.network);
  }
  const grant = readClaims(payload, key);
  const ended = checkGrant(grant, rules);
  if (ended) throw ended;
  return grant;
}

/** Returns why a token that was accepted is no longer valid; `undefined` if it is. */
export function checkGrant(grant: Grant, { keys, revoked }: TokenRules): NetlabError | undefined {
  if (Date.now() >= grant.expiresAt + CLOCK_SKEW_MS) return expired(grant.expiresAt);
  if (grant.id !== undefined && revoked.ids.has(grant.id)) {
    return refused(ErrorCode.TokenRevoked, "it has been revoked; get a new one");
  }
  if (revoked.subjects.has(grant.subject)) {
    return refused(
      ErrorCode.TokenRevoked,
      `every token of ${grant.subject} has been revoked; ask who runs the network`,
    );
  }
  if (keys.keys.some(({ thumbprint }) => thumbprint === grant.key)) return undefined;
  return refused(ErrorCode.TokenInvalid, "its key has been removed; get a new token");
}

/** Returns the key that a token names, and the algorithm of the token, which is the one of the key. */
function findKey(token: string, { keys }: KeySet): [TokenKey, string] {
  let header: ReturnType<typeof decodeProtectedHeader>;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    throw refused(
      ErrorCode.TokenInvalid,
      "it is no JSON Web Token; send the text as it was issued",
    );
  }
  const { alg, kid } = header;
  if (typeof alg === "string" && alg.toLowerCase() === "none") {
    throw refused(ErrorCode.TokenUnsigned, 'it has no signature (its "alg" is none); get another');
  }
  const key = kid === undefined
    ? keys.length === 1 ? keys[0] : undefined
    : keys.find(({ id }) => id === kid) ??
      (keys.length === 1 && keys[0]!.id === undefined ? keys[0] : undefined);
  if (!key) {
    throw refused(
      ErrorCode.TokenInvalid,
      kid === undefined
        ? 'it does not name its key, and there are several; get one with a "kid"'
        : "the server does not know its key; get a new token, or give the server the key",
    );
  }
  const isExpected = alg === key.algorithm || (alg === "Ed25519" && key.algorithm === "EdDSA");
  if (isExpected) return [key, alg!];
  throw refused(
    ErrorCode.TokenAlgorithm,
    `its "alg" is not ${key.algorithm}, for which its key is made; get another`,
  );
}

function readClaims(payload: JWTPayload, { thumbprint }: TokenKey): Grant {
  const { sub, exp, jti, role, cnf } = payload;
  const incomplete = (why: string) => refused(ErrorCode.TokenIncomplete, `${why}; get another`);
  if (typeof sub !== "string" || sub === "") throw incomplete('its "sub" is no name');
  if (new TextEncoder().encode(sub).length > MAX_SUBJECT_BYTES) {
    throw incomplete(`its "sub" is longer than ${MAX_SUBJECT_BYTES} bytes`);
  }
  const known = ROLES.find((each): each is Role => each === role);
  if (!known) throw incomplete('its "role" is not user, server or observer');
  if (jti !== undefined && typeof jti !== "string") throw incomplete('its "jti" is no text');
  const boundTo = cnf === undefined ? undefined : (cnf as Record<string, unknown> | null)?.jkt;
  // A token that is bound to something that nobody checks would be for everyone.
  if (cnf !== undefined && (typeof boundTo !== "string" || !isThumbprint(boundTo))) {
    throw incomplete('its "cnf" has no "jkt", the thumbprint of a key');
  }
  if (boundTo !== undefined && known !== "server") {
    throw incomplete('it is bound to a key ("cnf"), which is for servers only');
  }
  const expiresAt = exp! * 1_000;
  return { subject: sub, role: known, expiresAt, id: jti, boundTo, key: thumbprint } as Grant;
}

/** Whether a text is a SHA-256 in base64url. */
function isThumbprint(text: string): boolean {
  return /^[\w-]{43}$/.test(text);
}

/** Describes an error of the library, whose own message may contain parts of the token. */
function explain(error: unknown, network: string): NetlabError {
  if (error instanceof errors.JWTExpired) return expired(Number(error.payload.exp) * 1_000);
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error;
    if (reason === "check_failed" && claim === "aud") {
      return refused(
        ErrorCode.TokenForOtherNetwork,
        `it is not for the network ${network}; use a token of this network`,
      );
    }
    if (reason === "check_failed" && claim === "nbf") {
      return refused(
        ErrorCode.TokenNotYetValid,
        "it is not valid yet; wait, or check the clocks of the issuer and of the server",
      );
    }
    const what = reason === "missing" ? "is missing" : "is not what it must be";
    return refused(ErrorCode.TokenIncomplete, `its "${claim}" ${what}; get another`);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return refused(ErrorCode.TokenInvalid, "its signature is wrong; get a new one");
  }
  return refused(ErrorCode.TokenInvalid, "it cannot be read; send the text as it was issued");
}

function expired(at: number): NetlabError {
  // A time that a `Date` cannot show would throw.
  const time = new Date(Math.min(Math.max(at, 0), 8.64e15)).toISOString().replace(/\.\d+Z/, "Z");
  return refused(ErrorCode.TokenExpired, `it has expired at ${time}; get a new one`);
}

function refused(code: ErrorCode, why: string): NetlabError {
  return new NetlabError(code, `Cannot use the token: ${why}`, { fatal: true });
}
