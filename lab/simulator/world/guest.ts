/**
 * A user on a {@linkcode VirtualNetwork} who holds a name and sends no messages, and whose machine can lose
 * its power: its connections then hang, and the next machine takes the name with a new session. Knows nothing
 * of how servers decide.
 *
 * @module
 */
import {
  Capability,
  FrameType,
  Information,
  writeInformationRequest,
  writeInformationResponse,
  writeSessionRegistration,
} from "@netlab/protocol";
import { pick } from "../../random.ts";
import type { VirtualConnection } from "./virtual_connection.ts";
import type { VirtualNetwork } from "./virtual_network.ts";

const ASK_EVERY_MS = 15_000;
const TRY_AGAIN_MS = 500;

/** A user who only holds a name. It starts with {@linkcode Guest.restart}. */
export class Guest {
  /** The name of the user. */
  readonly name: string;
  /** The key of the present session: a UUID. */
  key = "";
  readonly #network: VirtualNetwork;
  readonly #servers: readonly string[];
  #connection: VirtualConnection | undefined;
  #party = "";

  /**
   * Creates a user who is not connected yet.
   *
   * @param servers The addresses of servers to try after a loss or a refusal, `host:port`.
   */
  constructor(network: VirtualNetwork, name: string, servers: readonly string[]) {
    this.#network = network;
    this.name = name;
    this.#servers = servers;
  }

  /**
   * Cuts the power of the present machine, of which its server hears nothing, and registers with a new
   * session from another machine.
   *
   * @param address The server to try first, `host:port`.
   */
  restart(address: string): void {
    const network = this.#network;
    for (const server of this.#servers) network.silence(this.#party, server);
    this.#connection = undefined;
    this.key = network.uuid();
    this.#party = `guest-${this.key}:1`;
    this.#open(address, this.key);
  }

  #open(address: string, key: string): void {
    this.#network.dial(this.#party, address, {
      connected: (connection) => {
        if (key !== this.key) return;
        this.#connection = connection;
        this.#run(connection, key);
      },
      failed: () => this.#tryAgain(key),
    });
  }

  #tryAgain(key: string): void {
    this.#network.after(TRY_AGAIN_MS, () => {
      if (key === this.key) this.#open(pick(this.#network.random, this.#servers), key);
    });
  }

  #run(connection: VirtualConnection, key: string): void {
    const { out } = connection;
    connection.start({
      frame: ({ type, subtype }) => {
        if (type === FrameType.InformationRequest) {
          writeInformationResponse(out, subtype, [Capability.Session]);
        } else if (type === FrameType.Error) connection.abort();
      },
      gone: () => {
        if (connection === this.#connection) this.#tryAgain(key);
      },
    });
    writeSessionRegistration(out, { session: key, name: this.name });
    const ask = () => {
      if (connection.closed || connection !== this.#connection) return;
      writeInformationRequest(out, Information.Servers);
      this.#network.after(ASK_EVERY_MS, ask);
    };
    this.#network.after(ASK_EVERY_MS, ask);
  }
}
