/**
 * The token of a client. Owns where it comes from, and to which servers it is sent. Does not know how it is sent.
 *
 * @module
 */
import { jwtDecode, type JwtPayload } from "jwt-decode";
import {
  Capability,
  ErrorCode,
  isLoopbackHost,
  NetlabError,
  parseAddress,
  quote,
  readNetwork,
} from "@netlab/protocol/codec";

/** A token, or a function that returns it. The function is called for every new connection, so it may be renewed. */
export type TokenSource = string | (() => string | Promise<string>);

/** What a token says, as far as its holder needs it. Nobody has checked it. */
export interface TokenClaims {
  /** The holder: the claim `sub`. */
  readonly subject: string | undefined;
  /** The role of the holder. */
  readonly role: unknown;
  /** The network; `undefined` if the token is for several. */
  readonly network: string | undefined;
}

/**
 * Returns what a token says, without a check of its signature.
 *
 * @throws {NetlabError} {@linkcode ErrorCode.TokenInvalid} when it cannot be read.
 */
export function readClaims(token: string): TokenClaims {
  try {
    if (token.split(".").length !== 3) throw new TypeError("Not three parts");
    const { sub, aud, role } = jwtDecode<JwtPayload & { role?: unknown }>(token);
    const network = Array.isArray(aud) ? aud.length === 1 ? aud[0] : undefined : aud;
    return { subject: sub, role, network };
  } catch {
    // The error of the library may show parts of the token.
    throw new NetlabError(
      ErrorCode.TokenInvalid,
      "Cannot use the token: it is no JSON Web Token; give the text as it was issued",
      { fatal: true },
    );
  }
}

const TOKEN_ERRORS: ReadonlySet<number> = new Set([
  ErrorCode.TokenRequired,
  ErrorCode.TokenInvalid,
  ErrorCode.TokenExpired,
  ErrorCode.TokenForOtherNetwork,
  ErrorCode.TokenForOtherName,
  ErrorCode.TokenRevoked,
  ErrorCode.NotPermitted,
  ErrorCode.TokenUnsigned,
  ErrorCode.TokenAlgorithm,
  ErrorCode.TokenNotYetValid,
  ErrorCode.TokenIncomplete,
  ErrorCode.TokenTooLong,
  ErrorCode.NotEncrypted,
]);

/** Returns whether a server was not used because of a token. */
export function isTokenError(error: unknown): error is NetlabError {
  return error instanceof NetlabError && TOKEN_ERRORS.has(error.code);
}

/** The token of one client, or none. */
export class OwnToken {
  /** Whether there is a token. */
  readonly isGiven: boolean;
  /** Whether the token can change while the client runs. */
  readonly isRenewable: boolean;
  readonly #source: TokenSource | undefined;
  readonly #isInsecure: boolean;

  /**
   * Keeps a token.
   *
   * @param source Where it comes from; `undefined` without a token.
   * @param isInsecure Whether it may be sent to other machines over connections that are not encrypted.
   */
  constructor(source: TokenSource | undefined, isInsecure = false) {
    this.#source = source;
    this.#isInsecure = isInsecure;
    this.isGiven = source !== undefined;
    this.isRenewable = typeof source === "function";
  }

  /**
   * Returns what the token says; `undefined` without a token. Throws the errors of {@linkcode readClaims}, and of the
   * function that returns the token.
   */
  async claims(): Promise<TokenClaims | undefined> {
    return this.#source === undefined ? undefined : readClaims(await this.#read());
  }

  /**
   * Returns the network of the token, so that no other one gets it; `undefined` without a token.
   *
   * @param given The network that the program has named.
   * @throws {NetlabError} {@linkcode ErrorCode.TokenForOtherNetwork} when the token is for another one, or when it is
   *   for several and the program has named none. Also the errors of {@linkcode OwnToken.claims}.
   */
  async network(given: string | undefined): Promise<string | undefined> {
    const claims = await this.claims();
    if (!claims) return undefined;
    const { network = given } = claims;
    if (network !== undefined && network === (given ?? network)) return network;
    throw new NetlabError(
      ErrorCode.TokenForOtherNetwork,
      network === undefined
        ? "Cannot use the token without the name of the network: it is not for a single one; add --network"
        : `Cannot use the token in the network ${given}: it is for ${quote(network)}; name that ` +
          "network, or get another token",
    );
  }

  /**
   * Returns the token for a server, before anything else is sent there; `undefined` if neither the server nor this
   * client has to do with tokens.
   *
   * @param address The address that was dialled.
   * @param connection The connection to it.
   * @param capabilities What the server says it can do.
   * @throws {NetlabError} {@linkcode ErrorCode.TokenRequired} when the client has none,
   *   {@linkcode ErrorCode.Unsupported} when the server takes none, {@linkcode ErrorCode.OtherNetwork} when it does
   *   not belong to the token's network, {@linkcode ErrorCode.NotEncrypted} when others
   *   could read it on the way. Also the errors of the function that returns the token.
   */
  async for(
    address: string,
    connection: { readonly isEncrypted: boolean },
    capabilities: ReadonlySet<string>,
  ): Promise<string | undefined> {
    const isWanted = capabilities.has(Capability.Tokens);
    if (this.#source === undefined) {
      if (!isWanted) return undefined;
      throw new NetlabError(
        ErrorCode.TokenRequired,
        `Cannot use ${address} without a token: its network has keys; get a token, and give it ` +
          "with --token-file or NETLAB_TOKEN",
        { fatal: true },
      );
    }
    if (!isWanted) {
      throw new NetlabError(
        ErrorCode.Unsupported,
        `Cannot use ${address}: it takes no tokens, and this client has one; leave the token out, ` +
          "or name a server of its network",
        { fatal: true },
      );
    }
    const isLocal = isLoopbackHost(parseAddress(address).hostname);
    if (!isLocal && !connection.isEncrypted && !this.#isInsecure) {
      throw new NetlabError(
        ErrorCode.NotEncrypted,
        `Cannot send the token to ${address}: the connection is not encrypted; use a tls:// ` +
          "address, or permit it with --insecure-token",
        { fatal: true },
      );
    }
    const token = await this.#read();
    const { network } = readClaims(token);
    const stated = readNetwork(capabilities);
    if (stated !== undefined && (network === undefined || network === stated)) return token;
    throw new NetlabError(
      ErrorCode.OtherNetwork,
      `Cannot use ${address}: it does not belong to the network of the token; name a server that does`,
    );
  }

  async #read(): Promise<string> {
    const source = this.#source!;
    return (typeof source === "string" ? source : await source()).trim();
  }
}
