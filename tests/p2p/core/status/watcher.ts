/**
 * A party on a {@linkcode VirtualNetwork} that asks servers for their status.
 *
 * @module
 */
import { NetlabError, readError } from "@netlab/protocol";
import { FrameType } from "@netlab/protocol";
import { StatusQueries } from "@netlab/p2p/core";
import type { VirtualConnection, VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";

/** Asks over one connection, without registering. */
export class Watcher {
  readonly queries: StatusQueries;
  /** Errors that were no answers. */
  readonly errors: NetlabError[] = [];
  connection!: VirtualConnection;
  readonly #network: VirtualNetwork;

  /** Connects to a server. */
  constructor(network: VirtualNetwork, { address }: VirtualNode) {
    this.#network = network;
    let isOpen = false;
    network.dial(`watcher-${network.uuid()}:1`, address, {
      connected: (connection) => {
        this.connection = connection;
        connection.start({
          frame: (frame) => {
            if (this.queries.received(frame)) return;
            if (frame.type === FrameType.Error) this.errors.push(readError(frame));
          },
        });
        isOpen = true;
      },
      failed: (reason) => {
        throw new Error(`Cannot connect to ${address}: ${reason}`);
      },
    });
    network.until(() => isOpen);
    this.queries = new StatusQueries({
      out: this.connection.out,
      after(ms, run) {
        let isCancelled = false;
        network.after(ms, () => isCancelled || run());
        return () => void (isCancelled = true);
      },
    });
  }

  /** Lets time pass until a request is answered. Returns the answer, or throws the error. */
  async get<Answer>(
    ask: (queries: StatusQueries) => Promise<Answer>,
    ms = 500,
  ): Promise<Answer> {
    const answer = ask(this.queries);
    // An error must not count as unhandled while time passes.
    answer.catch(() => {});
    this.#network.run(ms);
    return await answer;
  }

  /** Returns the code of the error that answers a request. */
  async codeOf(ask: (queries: StatusQueries) => Promise<unknown>, ms = 500): Promise<number> {
    try {
      await this.get(ask, ms);
    } catch (error) {
      if (error instanceof NetlabError) return error.code;
      throw error;
    }
    throw new Error("The request was answered");
  }
}
