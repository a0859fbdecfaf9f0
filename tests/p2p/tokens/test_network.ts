/**
 * A network with keys for tests: its files, tokens of every kind, and servers in this process.
 *
 * @module
 */
import { importJWK, type JWK, SignJWT } from "jose";
import {
  type Frame,
  FrameType,
  NetlabError,
  readError,
  readToken,
  writeToken,
} from "@netlab/protocol";
import {
  type Algorithm,
  createKeys,
  type JsonKey,
  type JsonKeySet,
  publicKeys,
} from "@netlab/p2p/keys";
import { P2pServer, type P2pServerOptions } from "@netlab/p2p/server";
import type { RttServer } from "@netlab/rtt/server";
import { TestFolder } from "../../folders.ts";
import { eventually, RawParty } from "../network.ts";

/** The name of the network. */
export const OFFICE = "office";

/** What a token says, and how it is signed. Everything has a default that is valid for Alice. */
export interface Claims {
  sub?: unknown;
  aud?: unknown;
  role?: unknown;
  exp?: unknown;
  nbf?: unknown;
  jti?: unknown;
  [more: string]: unknown;
}

/** The time in seconds since 1970, so many seconds from now. */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1_000) + seconds;
}

/** The files of a network. */
export class KeyFiles implements Disposable {
  readonly folder = new TestFolder();
  /** The keys, with what signs tokens. */
  set: JsonKeySet;

  private constructor(set: JsonKeySet) {
    this.set = set;
    this.writeKeys();
    this.write("revoked", "");
  }

  static async create(algorithm: Algorithm = "HS256"): Promise<KeyFiles> {
    return new KeyFiles(await createKeys(OFFICE, algorithm));
  }

  /** The path of a file, from the root of the workspace. */
  path(name: string): string {
    return this.folder.at(name).pathname;
  }

  /** Writes a file that only its owner may read, in place of the old one. */
  write(name: string, text: string, mode = 0o600): string {
    const path = this.path(name);
    Deno.writeTextFileSync(`${path}.next`, text, { mode });
    Deno.chmodSync(`${path}.next`, mode);
    Deno.renameSync(`${path}.next`, path);
    return path;
  }

  /** Writes what the servers get. */
  writeKeys(set: JsonKeySet = this.set): void {
    const isShared = set.keys.some(({ kty }) => kty === "oct");
    this.write("keys.json", JSON.stringify(isShared ? set : publicKeys(set)));
  }

  /** Returns a token. Claims that are `undefined` are left out. */
  token(claims: Claims = {}, key: JsonKey = this.set.keys.at(-1)!): Promise<string> {
    return sign(
      { sub: "Alice", aud: OFFICE, role: "user", exp: inSeconds(600), ...claims },
      { alg: key.alg!, kid: key.kid },
      key,
    );
  }

  /** Starts a server with a token of its own. */
  async listen(
    options: P2pServerOptions & { name?: string; system?: typeof P2pServer | typeof RttServer } =
      {},
  ): Promise<P2pServer> {
    const { name = "one", system = P2pServer, ...rest } = options;
    const file = this.path(`${name}.token`);
    if (!isPresent(file)) {
      this.write(`${name}.token`, await this.token({ sub: name, role: "server" }));
    }
    return await system.listen({
      keys: this.path("keys.json"),
      revoked: this.path("revoked"),
      tokenFile: file,
      ...rest,
    }) as P2pServer;
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}

/** Signs any claims with any header. */
export async function sign(
  claims: Claims,
  header: { alg: string; kid?: string | undefined },
  key: JsonKey | Uint8Array,
): Promise<string> {
  const { kid, ...rest } = header;
  const secret = key instanceof Uint8Array ? key : await importJWK(key as JWK, header.alg);
  return await new SignJWT(claims as Record<string, unknown>)
    .setProtectedHeader({ ...rest, ...kid !== undefined && { kid } })
    .sign(secret);
}

/** Connects, and sends a token. Returns the connection. */
export async function present(server: { port: number }, token: string): Promise<RawParty> {
  const party = await RawParty.connect(server);
  writeToken(party.out, token);
  return party;
}

/** Waits for the answer of a server to a token: its own token, or why it refuses this one. */
export async function answerTo(party: RawParty): Promise<string | NetlabError> {
  const frame = await eventually("an answer", () => party.frames.shift()) as Frame;
  if (frame.type === FrameType.Error) return readError(frame);
  return readToken(frame.payload);
}

/** Connects and sends a token that the server accepts. */
export async function admitted(server: { port: number }, token: string): Promise<RawParty> {
  const party = await present(server, token);
  const answer = await answerTo(party);
  if (answer instanceof NetlabError) throw answer;
  return party;
}

function isPresent(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
