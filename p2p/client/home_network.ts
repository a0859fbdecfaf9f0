/**
 * The network that a client belongs to. Owns which servers it may use: an address that it has learned may lead
 * to a server of another network, because a loopback or private address means something else on every machine.
 * Knows no connections.
 *
 * @module
 */
import {
  compareNetworks,
  ErrorCode,
  hostOf,
  type HostReach,
  isCreatedNetwork,
  isLoopback,
  mayName,
  nearer,
  NetlabError,
} from "@netlab/protocol/codec";

/** How many servers a client remembers, so that servers that name ever new ones cannot fill its memory. */
const MAX_SERVERS = 1_024;

/** The network of one client. */
export class HomeNetwork {
  #id: string | undefined;
  readonly #given: Set<string>;
  /** Addresses at which a server of this network was found. The last one found is the last. */
  readonly #verified = new Set<string>();
  /** Servers of other networks that were reported. The last one reported is the last. */
  readonly #reported = new Set<string>();
  /** By address: from where the server that has listed it can be reached. The last one listed is the last. */
  readonly #listedBy = new Map<string, HostReach>();
  readonly #onOther: (server: string) => void;

  /**
   * Starts with a network, or with that of the first server.
   *
   * @param given The addresses that the program gave to the client.
   * @param onOther Called with the address of a server of another network, once.
   */
  constructor(
    id: string | undefined,
    given: readonly string[],
    onOther: (server: string) => void = () => {},
  ) {
    this.#id = id;
    this.#given = new Set(given);
    this.#onOther = onOther;
  }

  /** The id of the network; `undefined` until it is known. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Notes the network of the first server that answers, unless the network is known. */
  found(network: string | undefined): void {
    this.#id ??= network;
  }

  /** Notes that the program gave the client another address. */
  give(server: string): void {
    this.#given.add(server);
  }

  /**
   * Notes that a server has listed others. Returns those that it may name: others would lead to machines that only
   * this client can reach.
   *
   * @param by From where the server that has listed them can be reached.
   */
  listed(servers: readonly string[], by: HostReach): string[] {
    const nameable = servers.filter((server) => mayName(by, hostOf(server)));
    for (const server of nameable.slice(0, MAX_SERVERS)) {
      const before = this.#listedBy.get(server);
      this.#listedBy.delete(server);
      this.#listedBy.set(server, before === undefined ? by : nearer(before, by));
      if (this.#listedBy.size > MAX_SERVERS) {
        this.#listedBy.delete(this.#listedBy.keys().next().value!);
      }
    }
    return nameable;
  }

  /** Returns from where the server that has listed another one can be reached; `undefined` if none has. */
  namerOf(server: string): HostReach | undefined {
    return this.#given.has(server) ? undefined : this.#listedBy.get(server);
  }

  /** Returns whether a server of this network was found at an address. The program may have given the address. */
  isProven(server: string): boolean {
    return this.#given.has(server) || this.#verified.has(server);
  }

  /**
   * Returns whether the client may use a server.
   *
   * A network without a name may become part of another one at any time, and a server that keeps its state in
   * memory founds a new one whenever it starts. So of networks without names, another one is accepted at an
   * address where the client has found its own before.
   *
   * @param network The network that the server states; `undefined` if it states none.
   */
  admits(server: string, network: string | undefined): boolean {
    if (this.#id === undefined) return true;
    switch (compareNetworks(this.#id, network)) {
      case "same":
        return true;
      case "unknown":
        return this.#given.has(server) || !isLoopback(server);
      case "mergeable":
        return this.#verified.has(server);
      case "other":
        return false;
    }
  }

  /**
   * Checks whether the client may use a server. Reports one that it may not use, once.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.OtherNetwork} when it may not.
   */
  check(server: string, network: string | undefined): void {
    if (this.admits(server, network)) {
      this.#reported.delete(server);
      if (network !== undefined && network === this.#id) remember(this.#verified, server);
      return;
    }
    if (!this.#reported.has(server)) {
      remember(this.#reported, server);
      this.#onOther(server);
    }
    throw new NetlabError(
      ErrorCode.OtherNetwork,
      `Cannot use ${server}: ${this.#explain(network)}`,
    );
  }

  #explain(network: string | undefined): string {
    if (network === undefined) return "it does not say which network it belongs to";
    const names = [network, this.#id!].map((id) => isCreatedNetwork(id) ? "without a name" : id);
    return `it belongs to another network (${names[0]}) than this client (${names[1]})`;
  }

  /** Notes that the user is registered at a server, or that the network of that server has another id now. */
  enter(server: string, network: string | undefined): void {
    this.#id = network ?? this.#id;
    remember(this.#verified, server);
  }
}

/** Adds a server, or moves it to the end. Forgets the first one when there are too many. */
function remember(servers: Set<string>, server: string): void {
  servers.delete(server);
  servers.add(server);
  if (servers.size > MAX_SERVERS) servers.delete(servers.values().next().value!);
}
