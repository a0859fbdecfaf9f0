/**
 * A server that is no member of a network with keys, and wants to have the tokens of those who dial it.
 *
 * @module
 */
import {
  type Frame,
  FrameType,
  Information,
  Registration,
  writeInformationResponse,
  writePeerRegistration,
  writeSessionWelcome,
} from "@netlab/protocol";
import { RawParty } from "../network.ts";
import { OFFICE } from "./test_network.ts";

/** A server that is no member of the network, and keeps every frame that it gets. */
export class Rogue implements AsyncDisposable {
  readonly frames: Frame[] = [];
  readonly address: string;
  readonly port: number;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #parties: RawParty[] = [];
  readonly #accepting: Promise<void>;

  constructor(answer: (party: RawParty, frame: Frame, rogue: Rogue) => void) {
    this.port = this.#listener.addr.port;
    this.address = `127.0.0.1:${this.port}`;
    this.#accepting = (async () => {
      for await (const conn of this.#listener) {
        const party = new RawParty(conn, (party, frame) => {
          this.frames.push(frame.copy());
          answer(party, frame, this);
        });
        this.#parties.push(party);
      }
    })();
  }

  /** The tokens that it has got. */
  get tokens(): number {
    return this.frames.filter(isToken).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const party of this.#parties) await party[Symbol.asyncDispose]();
  }
}

/** Returns whether a frame has a token. */
export function isToken({ type, subtype }: Frame): boolean {
  return type === FrameType.Registration && subtype === Registration.Token;
}

/** A rogue that says these words of itself, and whatever else it can say. */
export function roguesWith(...words: string[]): Rogue {
  return new Rogue((party, frame, { address }) => {
    if (frame.type === FrameType.InformationRequest) {
      writeInformationResponse(party.out, frame.subtype, frame.subtype === 2 ? words : [address]);
    }
    // It tries to get on without a token.
    if (frame.subtype === Information.Capabilities) {
      const server = crypto.randomUUID();
      writePeerRegistration(party.out, { server, address, network: OFFICE });
      writeSessionWelcome(party.out, { server, address, name: "Alice" });
    }
  });
}
