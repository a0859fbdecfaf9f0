/**
 * Servers that do not behave, for what is to be measured in spite of them. Owns the connections that come
 * in; what is said on them is up to each test.
 *
 * @module
 */
import {
  Capability,
  type Frame,
  FrameType,
  Information,
  writeInformationResponse,
} from "@netlab/protocol";
import { RawParty } from "../p2p/network.ts";

/** What an odd server does. */
export interface Oddity {
  /** A connection was opened. */
  opened?(party: RawParty): void;
  /** A frame came in. */
  frame?(party: RawParty, frame: Frame, server: OddServer): void;
}

/** A server that does what a test wants. */
export class OddServer implements AsyncDisposable {
  /** Where it listens. */
  readonly address: string;
  /** How many connections there have been. */
  connections = 0;
  readonly #oddity: Oddity;
  readonly #listener: Deno.TcpListener;
  readonly #parties = new Set<RawParty>();
  readonly #timers = new Set<ReturnType<typeof setInterval>>();
  readonly #accepting: Promise<void>;

  constructor(oddity: Oddity) {
    this.#oddity = oddity;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.address = `127.0.0.1:${this.#listener.addr.port}`;
    this.#accepting = this.#accept();
  }

  /** Does that again and again until the server is disposed of. */
  every(ms: number, work: () => void): void {
    this.#timers.add(setInterval(work, ms));
  }

  /** Does that once, later. */
  after(ms: number, work: () => void): void {
    this.#timers.add(setTimeout(work, ms));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const timer of this.#timers) clearInterval(timer);
    for (const party of this.#parties) await party[Symbol.asyncDispose]();
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      this.connections++;
      const party = new RawParty(conn, (party, frame) => this.#oddity.frame?.(party, frame, this));
      this.#parties.add(party);
      this.#oddity.opened?.(party);
    }
  }
}

/**
 * Answers a question as an rtt server does, and says whether it was one.
 *
 * @param servers The servers that it says it knows.
 */
export function answerQuestion(
  { out }: RawParty,
  frame: Frame,
  servers: readonly string[] = [],
  capabilities: readonly string[] = [Capability.Session, Capability.Echo],
): boolean {
  if (frame.type !== FrameType.InformationRequest) return false;
  const isCapabilities = frame.subtype === Information.Capabilities;
  writeInformationResponse(out, frame.subtype, isCapabilities ? capabilities : servers);
  return true;
}

/** A server that answers questions, and leaves echoes to `echo`. */
export function oddEchoes(
  echo: (party: RawParty, frame: Frame, server: OddServer) => void,
): OddServer {
  return new OddServer({
    frame(party, frame, server) {
      if (answerQuestion(party, frame)) return;
      if (frame.type === FrameType.Echo) echo(party, frame, server);
    },
  });
}
