/**
 * Two linked servers on a virtual network in which nothing is random, so that the steps that something takes are the
 * same in every run. Must not know what is counted.
 *
 * @module
 */
import {
  servers,
  settle,
  type VirtualConnection,
  VirtualNetwork,
  type VirtualNode,
} from "@netlab/lab/simulator";

/** A party whose connection is set as soon as it is open. */
export interface Party {
  connection?: VirtualConnection;
}

/** Starts two servers, and waits until they are linked. */
export function steadyServers(): { network: VirtualNetwork; nodes: [VirtualNode, VirtualNode] } {
  const network = new VirtualNetwork();
  network.latency = () => 1;
  network.pieceOf = (most) => most;
  const nodes = servers(network, 2) as [VirtualNode, VirtualNode];
  settle(network, nodes);
  return { network, nodes };
}

/** Returns the name of a user, one of many. */
export function numberedName(number: number): string {
  return `User ${String(number).padStart(5, "0")}`;
}

/**
 * Connects to a server, and ignores what it sends.
 *
 * @param from The address of the party.
 * @param opened Called when the connection is open.
 */
export function connectTo(
  server: VirtualNode,
  network: VirtualNetwork,
  from: string,
  opened: (connection: VirtualConnection) => void = () => {},
): Party {
  const party: Party = {};
  network.dial(from, server.address, {
    connected: (connection) => {
      party.connection = connection;
      connection.start({ frame() {} });
      opened(connection);
    },
    failed: (reason) => {
      throw new Error(`Cannot connect ${from}: ${reason}`);
    },
  });
  return party;
}
