/**
 * The keys, the revoked tokens and the own token of a server, from files that are read again when they change.
 * Checks tokens for the core. Owns the files; `token_verifier.ts` owns what makes a token valid.
 *
 * @module
 */
import { checkNetworkName, type NetlabError } from "@netlab/protocol";
import type { Grant } from "../../core/connection/grant.ts";
import type { TokenHost } from "../../core/host.ts";
import type { Logger } from "../../core/logger.ts";
import { exposed, readFile, readSecretFile } from "../../files/secret_file.ts";
import { type KeySet, readKeySet } from "./key_set.ts";
import { NONE_REVOKED, readRevokedList, type RevokedList } from "./revoked_list.ts";
import type { ServerKey } from "./server_key.ts";
import { checkGrant, type TokenRules, verifyToken } from "./token_verifier.ts";
import { WatchedFile } from "./watched_file.ts";

/** How often the files are looked at: milliseconds. */
const LOOK_EVERY_MS = 1_000;
/** How long before the own token expires the server begins to warn: milliseconds. */
const WARN_BEFORE_MS = 3 * 86_400_000;
/** How often it warns: milliseconds. */
const WARN_EVERY_MS = 86_400_000;

/** The files of a network with keys. */
export interface TokenFilesOptions {
  /** The path of the file with the keys. */
  readonly keys: string;
  /** The path of the file with the server's own token. */
  readonly tokenFile?: string | undefined;
  /** The path of the list of revoked tokens. */
  readonly revoked?: string | undefined;
  /** The server's own key. */
  readonly serverKey: ServerKey;
  /** The name of the network. Without it, the file with the keys states it. */
  readonly network?: string | undefined;
}

/** The token of this server, and what it says. */
interface OwnToken {
  readonly token: string;
  readonly grant: Grant;
}

/** Checks tokens by files. */
export class TokenFiles implements TokenHost, Disposable {
  /** The name of the network. */
  readonly network: string;
  readonly signing: ServerKey;
  readonly #logger: Logger;
  readonly #keys: WatchedFile<KeySet>;
  readonly #revoked: WatchedFile<RevokedList> | undefined;
  #own: WatchedFile<OwnToken> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #warnedAt = -Infinity;

  private constructor(
    network: string,
    signing: ServerKey,
    keys: WatchedFile<KeySet>,
    revoked: WatchedFile<RevokedList> | undefined,
    logger: Logger,
  ) {
    this.network = network;
    this.signing = signing;
    this.#keys = keys;
    this.#revoked = revoked;
    this.#logger = logger;
  }

  /**
   * Reads the files, and looks at them every second from then on.
   *
   * @throws {TypeError} When a file cannot be used, or when the network has no name.
   * @throws {NetlabError} When the server's own token is not valid.
   * @throws {SecretFileError} When others may use a file, or when it cannot be read.
   */
  static async open(options: TokenFilesOptions, logger: Logger): Promise<TokenFiles> {
    const keys = await WatchedFile.open(options.keys, readKeys);
    const stated = keys.value.network;
    const network = options.network ?? stated;
    if (network === undefined) {
      throw new TypeError(
        `Cannot use ${options.keys} without the name of the network: add --network NAME`,
      );
    }
    checkNetworkName(network);
    if (stated !== undefined && stated !== network) {
      throw new TypeError(
        `Cannot use ${options.keys} for the network ${network}: its keys are for ${stated}`,
      );
    }
    const revoked = options.revoked === undefined
      ? undefined
      : await WatchedFile.open(options.revoked, readRevoked);
    const files = new TokenFiles(network, options.serverKey, keys, revoked, logger);
    const fault = revoked?.value.faults[0];
    if (fault !== undefined) throw new TypeError(faultOf(options.revoked!, fault));
    if (options.tokenFile !== undefined) {
      files.#own = await WatchedFile.open(options.tokenFile, (path) => files.#readOwn(path));
    }
    files.#warnOfExpiry();
    files.#lookLater();
    return files;
  }

  get own(): string | undefined {
    return this.#own?.value.token;
  }

  verify(token: string, done: (result: Grant | NetlabError) => void): void {
    verifyToken(token, this.#rules).then(done, done);
  }

  check(grant: Grant): NetlabError | undefined {
    return checkGrant(grant, this.#rules);
  }

  /** Stops looking at the files. */
  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  get #rules(): TokenRules {
    return {
      network: this.network,
      keys: this.#keys.value,
      revoked: this.#revoked?.value ?? NONE_REVOKED,
    };
  }

  #lookLater(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(
      () => void this.#look().finally(() => this.#lookLater()),
      LOOK_EVERY_MS,
    );
  }

  async #look(): Promise<void> {
    const { value: keys } = this.#keys;
    await this.#lookAt(this.#keys, "keys");
    if (this.#keys.value !== keys) this.#own?.forget();
    await this.#lookAt(this.#revoked, "revoked tokens");
    await this.#lookAt(this.#own, "token");
    for (const line of this.#revoked?.value.faults ?? []) this.#reportFault(line);
    this.#warnOfExpiry();
  }

  /** The faults of the list that were logged. */
  #reported: RevokedList | undefined;

  #reportFault(line: number): void {
    const { path, value } = this.#revoked!;
    if (this.#reported === value) return;
    this.#reported = value;
    this.#logger.error("{fault}", { event: "tokens.file", path, fault: faultOf(path, line) });
  }

  async #lookAt(file: WatchedFile<unknown> | undefined, what: string): Promise<void> {
    if (!file) return;
    const { path } = file;
    try {
      if (!await file.look()) return;
      this.#logger.info("read the {what} in {path} again", {
        event: "tokens.reloaded",
        what,
        path,
      });
    } catch (error) {
      // The messages of these errors contain no part of a file.
      this.#logger.error("{reason} (the {what} that were read before stay in use)", {
        event: "tokens.file",
        what,
        path,
        reason: (error as Error).message,
      });
    }
  }

  async #readOwn(path: string): Promise<OwnToken> {
    const token = readSecretFile(path).trim();
    let grant: Grant;
    try {
      grant = await verifyToken(token, this.#rules);
    } catch (error) {
      const { message } = error as NetlabError;
      throw new TypeError(`Cannot use ${path}: ${message.replace(/^Cannot use the token: /, "")}`);
    }
    const { boundTo } = grant;
    if (boundTo !== undefined && boundTo !== this.signing.thumbprint) {
      throw new TypeError(
        `Cannot use ${path}: its token is bound to the key of another server; use the data folder ` +
          "with that key, or get a token for this one (--server-key)",
      );
    }
    if (grant.role === "server") return { token, grant };
    throw new TypeError(
      `Cannot use ${path}: its token is for the role ${grant.role}; a server needs one for the ` +
        "role server",
    );
  }

  #warnOfExpiry(): void {
    const expiresAt = this.#own?.value.grant.expiresAt;
    const now = Date.now();
    if (expiresAt === undefined || expiresAt - now > WARN_BEFORE_MS) return;
    if (now - this.#warnedAt < WARN_EVERY_MS) return;
    this.#warnedAt = now;
    this.#logger.warn("the token of this server expires at {time}: write a new one to {path}", {
      event: "tokens.expiry",
      time: new Date(expiresAt).toISOString(),
      path: this.#own!.path,
    });
  }
}

async function readKeys(path: string): Promise<KeySet> {
  const { text, isPrivate } = readFile(path);
  let keys: KeySet;
  try {
    keys = await readKeySet(text);
  } catch (error) {
    throw new TypeError(`Cannot use the keys in ${path}: ${(error as Error).message}`);
  }
  if (keys.isSecret && !isPrivate) throw exposed(path, "read");
  return keys;
}

function readRevoked(path: string): RevokedList {
  return readRevokedList(readFile(path).text);
}

function faultOf(path: string, line: number): string {
  return `Cannot read line ${line} of ${path}: write "jti ID" or "sub NAME"`;
}
