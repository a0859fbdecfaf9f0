/**
 * A server of a network with keys that a test controls, on any kind of connection: it proves its key, links itself,
 * answers signs of life, and records what arrives. What it signs is up to the test.
 *
 * @module
 */
import {
  Capability,
  type Frame,
  FrameType,
  FrameWriter,
  Information,
  LinkStateKind,
  linkText,
  type NetlabError,
  readError,
  readServerKey,
  Registration,
  type Statement,
  statementText,
  writeHeartbeat,
  writeInformationResponse,
  writeLinkState,
  writePeerRegistration,
  writePresenceDigest,
  writeServerKey,
  writeStatement,
  writeToken,
} from "@netlab/protocol";
import { serverIdOf } from "@netlab/protocol/server-id";
import type { SigningHost } from "@netlab/p2p/core";

type Write = (out: FrameWriter) => void;

/** Returns the bytes of frames. */
export function bytesOf(write: Write): Uint8Array {
  const out = new FrameWriter();
  write(out);
  return out.take().slice();
}

/** One link of a server that a test controls. */
export class SignedPeer {
  readonly id: string;
  readonly frames: Frame[] = [];
  readonly errors: NetlabError[] = [];
  /** The id of the server at the other end, once that has proven its key. */
  server: string | undefined;
  /** Called with every frame but signs of life. */
  onFrame: (frame: Frame) => void = () => {};
  #version = 0;
  #numbers = new Map<string, number>();

  /**
   * @param network The name of the network.
   * @param token What it shows.
   * @param register With what it registers; `undefined` for its own id.
   */
  constructor(
    readonly out: FrameWriter,
    readonly signing: SigningHost,
    readonly network: string,
    readonly address: string,
    readonly token: string,
    readonly register: { id?: string; proves?: boolean } = {},
  ) {
    this.id = serverIdOf(signing);
  }

  /** Shows the token. */
  begin(): void {
    writeToken(this.out, this.token);
  }

  /** Handles a frame that has arrived. */
  received(frame: Frame): void {
    const { out, network, signing } = this;
    const { type, subtype } = frame;
    if (type === FrameType.LinkState && subtype === LinkStateKind.Heartbeat) {
      return writeHeartbeat(out);
    }
    this.frames.push(frame.copy());
    if (type === FrameType.Error) this.errors.push(readError(frame));
    if (type === FrameType.InformationRequest) {
      const { Session, Peer, Claim, Tokens, Signed } = Capability;
      const words = [Session, Peer, Claim, Tokens, Signed];
      writeInformationResponse(out, Information.Capabilities, words);
    }
    if (type === FrameType.Registration && subtype === Registration.Token) {
      if (this.register.proves === false) return this.#register();
      const { key, startedAt } = signing;
      writeServerKey(out, { key, startedAt, challenge: new Uint8Array(16) });
    }
    if (type === FrameType.Registration && subtype === Registration.ServerKey) {
      const { challenge, ...identity } = readServerKey(frame.payload);
      this.server = serverIdOf(identity);
      const text = linkText(network, challenge, this.id, this.server);
      const signature = signing.sign(text);
      const { key, startedAt } = signing;
      writeServerKey(out, { key, startedAt, challenge: new Uint8Array(16), signature });
      this.#register();
    }
    if (type === FrameType.Registration && subtype === Registration.Peer) {
      this.announceLinks();
      writePresenceDigest(out, []);
    }
    this.onFrame(frame);
  }

  #register(): void {
    const { network, address } = this;
    const server = this.register.id ?? this.id;
    writePeerRegistration(this.out, { server, address, network, abilities: 1 });
  }

  /** Says that it has links to the server at the other end and to `others`. */
  announceLinks(...others: string[]): void {
    const links = [this.server!, ...others].map((server) => ({ server, cost: 1 }));
    const { id: server, address } = this;
    const version = ++this.#version;
    this.say((out) => writeLinkState(out, { server, version, address, links }));
  }

  /** Makes a statement for all. What `changed` has is not signed by this server. */
  say(write: Write, changed: Partial<Statement> = {}): void {
    const { key, startedAt } = this.signing;
    const statement = {
      key,
      startedAt,
      to: undefined,
      number: this.signing.time(),
      frames: bytesOf(write),
      ...changed,
    };
    this.#sign(statement);
  }

  /** Makes a statement for one server. */
  sayTo(to: string, write: Write, changed: Partial<Statement> = {}): void {
    const number = this.#numbers.get(to) ?? 0;
    this.#numbers.set(to, number + 1);
    this.say(write, { to, number, ...changed });
  }

  #sign(statement: Omit<Statement, "signature"> & Partial<Statement>): void {
    const signature = statement.signature ??
      this.signing.sign(statementText(this.network, statement));
    writeStatement(this.out, { ...statement, signature }, statement.to === undefined ? 0 : 1);
  }

  /** The frames of one type and subtype that came in. */
  got(type: number, subtype: number): Frame[] {
    return this.frames.filter((frame) => frame.type === type && frame.subtype === subtype);
  }
}
