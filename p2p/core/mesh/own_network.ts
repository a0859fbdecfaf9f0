/**
 * The network that this server belongs to. Owns which servers may link with this one, and which id stays when
 * two networks become one. Knows neither connections nor routes.
 *
 * @module
 */
import {
  compareNetworks,
  ErrorCode,
  isCreatedNetwork,
  isLoopback,
  NetlabError,
} from "@netlab/protocol/codec";

/** The network of one server. */
export class OwnNetwork {
  #id: string;

  /** Starts in the network with this id. */
  constructor(id: string) {
    this.#id = id;
  }

  /** The id: a name that a person chose, or a UUID that a server created. */
  get id(): string {
    return this.#id;
  }

  /**
   * Returns whether this server may link with a server that it has dialled.
   *
   * @param other The network that the server states; `undefined` if it states none.
   * @param isTrusted Whether the address was given to this server, or led to a server of its network before.
   *   Any other address was learned. It may mean something else on this machine than where it came from.
   */
  admits(address: string, other: string | undefined, isTrusted: boolean): boolean {
    switch (compareNetworks(this.#id, other)) {
      case "same":
        return true;
      case "unknown":
        return isTrusted || !isLoopback(address);
      case "mergeable":
        return isTrusted;
      case "other":
        return false;
    }
  }

  /** Returns whether this server may link with a server that has dialled it. The dialling one decides, too. */
  accepts(other: string | undefined): boolean {
    return compareNetworks(this.#id, other) !== "other";
  }

  /**
   * Takes the id of a server to which there is a link, if it is that of an older network.
   *
   * @returns Whether the id has changed.
   */
  adopt(other: string | undefined): boolean {
    if (compareNetworks(this.#id, other) !== "mergeable" || other! >= this.#id) return false;
    this.#id = other!;
    return true;
  }

  /**
   * Returns the error of a refused link: how the networks of the two servers differ, and what to do.
   *
   * @param own The address of this server.
   * @param address The address of the other server.
   */
  refusal(own: string, address: string, other: string | undefined): NetlabError {
    const name = [this.#id, other].find((id) => id !== undefined && !isCreatedNetwork(id));
    return new NetlabError(
      ErrorCode.OtherNetwork,
      `Cannot link ${own} and ${address}: the first belongs to ${describe(this.#id)}, the second ` +
        `to ${describe(other)}; to make them one network, ` +
        (name === undefined ? "name one to the other with --peer" : `give both --network ${name}`),
      { fatal: true },
    );
  }
}

function describe(id: string | undefined): string {
  if (id === undefined) return "none that it states";
  return isCreatedNetwork(id) ? `the unnamed network ${id}` : `the network ${id}`;
}
