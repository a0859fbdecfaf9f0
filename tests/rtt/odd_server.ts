/**
 * Servers that break the protocol, to test that measuring works in spite of them. Owns the incoming
 * connections. Each test decides what is sent on them.
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

/** The behaviour of an {@linkcode OddServer}. */
export interface Oddity {
  /** Called when a connection was opened. */
  opened?(party: RawParty): void;
  /** Called when a frame came in. */
  frame?(party: RawParty, frame: Frame, server: OddServer): void;
}

/** A server that behaves as a test decides. */
export class OddServer implements AsyncDisposable {
  /** Its address, `host:port`. */
  readonly address: string;
  /** The number of connections so far. */
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

  /** Does the work every `ms` milliseconds until the server is disposed of. */
  every(ms: number, work: () => void): void {
    this.#timers.add(setInterval(work, ms));
  }

  /** Does the work once, after `ms` milliseconds, unless the server is disposed of before. */
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
 * Answers a question as an rtt server does. Returns whether the frame was a question.
 *
 * @param servers The answer to a question about servers.
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

/** A server that answers questions, and handles echoes with `echo`. */
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
