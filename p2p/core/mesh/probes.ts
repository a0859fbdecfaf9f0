/**
 * Finds out what answers at a dialled address, and refuses servers of other networks. Owns the connections that
 * must become links or end, and their deadlines. Does not know links and routes.
 *
 * @module
 */
import {
  Capability,
  type Frame,
  hostOf,
  Information,
  isLoopback,
  PeerAbility,
  readNetwork,
  readServers,
  withoutTls,
  writeInformationRequest,
  writePeerRegistration,
} from "@netlab/protocol/codec";
import { Connection } from "../connection/connection.ts";
import type { Context } from "../host.ts";
import type { Transport } from "../connection/transport.ts";
import type { Discovery } from "./discovery.ts";
import type { OwnNetwork } from "./own_network.ts";
import { type Peer, Probe } from "./peer.ts";

/** How long a dialled party may take to identify itself, and a replaced link to end: milliseconds. */
const PROBE_MS = 3_000;

/** What {@linkcode Probes} asks of the mesh, and reports to it. */
export interface ProbesHost {
  /** Returns the server with this id if there is a link to it. */
  peer(server: string): Peer | undefined;
  /** A dialled party is a legacy server. */
  foundLegacy(connection: Connection): void;
}

/** The connections of one server that are not links yet, or not any more. */
export class Probes {
  readonly #context: Context;
  readonly #network: OwnNetwork;
  readonly #discovery: Discovery;
  readonly #mesh: ProbesHost;
  /** By connection: milliseconds since 1970. */
  readonly #deadlines = new Map<Connection, number>();

  /** Creates an empty collection. */
  constructor(
    context: Context,
    network: OwnNetwork,
    discovery: Discovery,
    mesh: ProbesHost,
  ) {
    this.#context = context;
    this.#network = network;
    this.#discovery = discovery;
    this.#mesh = mesh;
  }

  /** Dials an address, and asks for the capabilities of what answers there. */
  dial(address: string): void {
    const context = this.#context;
    context.host.dial(address, {
      connected: (transport: Transport) => {
        const connection = new Connection(transport, hostOf(address), address, context.now);
        connection.party = new Probe(address);
        this.limit(connection);
        writeInformationRequest(connection.out, Information.Capabilities);
        return connection;
      },
      failed: (reason: string) => {
        context.logger.debug("dial failed: {reason}", { address, reason });
        this.#discovery.failed(address);
      },
    });
  }

  /** Handles the capabilities of a dialled party: asks for a link if it is a server of this network. */
  answered(connection: Connection, party: Probe, capabilities: ReadonlySet<string>): void {
    const address = party.label;
    const network = readNetwork(capabilities);
    const discovery = this.#discovery;
    if (capabilities.size === 0) {
      if (!discovery.mayBeLegacy(address)) return this.#refuse(connection, address, undefined);
      this.#deadlines.delete(connection);
      this.#mesh.foundLegacy(connection);
    } else if (!this.#network.admits(address, network, discovery.isTrusted(address))) {
      this.#refuse(connection, address, network);
    } else if (capabilities.has(Capability.Peer)) {
      party.capabilities = capabilities;
      if (this.#checked(party)) writeInformationRequest(connection.out, Information.Servers);
      else this.register(connection, capabilities.has(Capability.Tls));
    } else {
      this.closed(connection);
      connection.close();
    }
  }

  /** Handles the list of servers that a probe has requested. Its first address is that of the server itself. */
  listed(connection: Connection, frame: Frame): void {
    const { party } = connection;
    if (!(party instanceof Probe)) return;
    const expected = this.#checked(party)?.address;
    // From another host, the list begins with another server, because the own address means nothing there.
    const isHidden = expected !== undefined && isLoopback(expected) && connection.isElsewhere;
    if (!isHidden && readServers(frame.payload)[0] !== expected) {
      return this.register(connection, party.capabilities.has(Capability.Tls));
    }
    this.closed(connection);
    connection.close();
  }

  /** Gives a connection three seconds to become a link or to end. */
  limit(connection: Connection): void {
    this.#deadlines.set(connection, this.#context.now + PROBE_MS);
  }

  /** Notes that a connection has become a link. */
  linked(connection: Connection): void {
    this.#deadlines.delete(connection);
  }

  /** Notes the end of a connection. */
  closed(connection: Connection): void {
    const { party } = connection;
    if (this.#deadlines.delete(connection) && party instanceof Probe) {
      this.#discovery.failed(party.label);
    }
  }

  /** Ends the connections whose time is over. */
  tick(): void {
    for (const [connection, deadline] of this.#deadlines) {
      if (this.#context.now <= deadline) continue;
      this.closed(connection);
      connection.abort();
    }
  }

  /** Ends all connections. */
  close(): void {
    for (const connection of this.#deadlines.keys()) connection.abort();
  }

  /** Returns the linked server to which the address of a probe has led so far, if the probe checks that. */
  #checked({ label: address }: Probe): Peer | undefined {
    const server = this.#discovery.checkedServer(address);
    return server === undefined ? undefined : this.#mesh.peer(server);
  }

  /**
   * Asks for a link, or answers such a request.
   *
   * @param readsTls Whether the other server reads addresses of the form `tls://host:port`.
   */
  register({ out }: Connection, readsTls: boolean): void {
    const { id, address } = this.#context;
    writePeerRegistration(out, {
      server: id,
      address: readsTls ? address : withoutTls(address),
      network: this.#network.id,
      abilities: PeerAbility.Tls,
    });
  }

  /** Ends a connection to a server of another network. Both sides log that once for each address. */
  #refuse(connection: Connection, address: string, network: string | undefined): void {
    this.#deadlines.delete(connection);
    const isNew = this.#discovery.refused(address, network);
    if (!isNew) return connection.close();
    const refusal = this.#network.refusal(this.#context.address, address, network);
    const { code, message: reason } = refusal;
    this.#context.logger.warn("{reason}", { event: "link.refused", address, reason, code });
    connection.sendError(refusal);
  }
}
