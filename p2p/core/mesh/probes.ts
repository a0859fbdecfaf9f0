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
  type HostReach,
  Information,
  isLoopback,
  type NetlabError,
  PeerAbility,
  readNetwork,
  readServerId,
  readServers,
  withoutTls,
  writeInformationRequest,
  writePeerRegistration,
} from "@netlab/protocol/codec";
import type { Access } from "../access/access.ts";
import { Connection } from "../connection/connection.ts";
import type { Context } from "../host.ts";
import type { Transport } from "../connection/transport.ts";
import type { Discovery } from "./addresses/discovery.ts";
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
  readonly #access: Access;
  readonly #mesh: ProbesHost;
  /** By connection: milliseconds since 1970. */
  readonly #deadlines = new Map<Connection, number>();

  /** Creates an empty collection. */
  constructor(
    context: Context,
    network: OwnNetwork,
    discovery: Discovery,
    access: Access,
    mesh: ProbesHost,
  ) {
    this.#context = context;
    this.#network = network;
    this.#discovery = discovery;
    this.#access = access;
    this.#mesh = mesh;
  }

  /**
   * Dials an address, and asks for the capabilities of what answers there.
   *
   * @param namedBy From where the party that has named the address can be reached.
   */
  dial(address: string, namedBy: HostReach): void {
    const context = this.#context;
    context.host.dial(address, {
      namedBy,
      connected: (transport: Transport, ip?: string) => {
        const connection = new Connection(transport, hostOf(address), address, context.now, ip);
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
      const mayBeLegacy = this.#access.legacy && discovery.mayBeLegacy(address);
      if (!mayBeLegacy) return this.#refuse(connection, address, undefined);
      this.#deadlines.delete(connection);
      this.#mesh.foundLegacy(connection);
    } else if (!this.#admits(address, network)) {
      this.#refuse(connection, address, network);
    } else if (capabilities.has(Capability.Peer)) {
      party.capabilities = capabilities;
      const server = readServerId(capabilities);
      const isLinked = server !== undefined && this.#mesh.peer(server) !== undefined;
      if (server === this.#context.id) this.#end(connection, () => discovery.isSelf(address));
      else if (isLinked) this.#end(connection, () => discovery.linked(address, server));
      else {
        const [wantsToken, signs] = [Capability.Tokens, Capability.Signed].map((word) =>
          capabilities.has(word)
        ) as [boolean, boolean];
        this.#access.introduce(connection, wantsToken, signs, (error) => {
          if (error) this.#reject(connection, address, error);
          else if (server !== undefined || !this.#checked(party)) {
            this.register(connection, capabilities.has(Capability.Tls));
          } else writeInformationRequest(connection.out, Information.Servers);
        });
      }
    } else this.#end(connection, () => this.closed(connection));
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
    this.#end(connection, () => this.closed(connection));
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

  /** Returns whether a server may be one of this network. On one with keys, the server must say so. */
  #admits(address: string, network: string | undefined): boolean {
    if (this.#access.hasKeys) return network === this.#network.id;
    return this.#network.admits(address, network, this.#discovery.isTrusted(address));
  }

  /** Closes a connection that becomes no link, after its outcome was noted. */
  #end(connection: Connection, note: () => void): void {
    note();
    this.#deadlines.delete(connection);
    connection.close();
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
      abilities: PeerAbility.Tls | PeerAbility.Unneeded,
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

  /** Ends a connection to a server with whom this one exchanges no tokens. Logs that once for each address. */
  #reject(connection: Connection, address: string, { code, message: reason }: NetlabError): void {
    this.#deadlines.delete(connection);
    if (this.#discovery.refused(address, `error ${code}`)) {
      this.#context.logger.warn("no link to {address}: {reason}", {
        event: "link.refused",
        address,
        reason,
        code,
      });
    }
    connection.close();
  }
}
