/**
 * A network of two netlab servers and one legacy server, with a user of each.
 *
 * @module
 */
import { LegacyServer } from "../legacy_parties.ts";
import { servers, settle, VirtualNetwork, type VirtualNode } from "@netlab/lab/simulator";
import { TestUser } from "../test_user.ts";

/** The address of the legacy server. */
export const OLD = "10.0.5.1:6001";

/** Two netlab servers, and a legacy server that the first one finds. */
export function start() {
  const network = new VirtualNetwork();
  const nodes = servers(network, 2) as [VirtualNode, VirtualNode];
  for (const node of nodes) if (node !== nodes[0]) network.separate(node.address, OLD);
  const old = new LegacyServer(network, OLD);
  settle(network, nodes);
  old.announceTo(nodes[0].address);
  const olga = new TestUser(network, "Olga", { legacy: true }).register(old);
  const ann = new TestUser(network, "Ann").at(nodes[0]);
  const bob = new TestUser(network, "Bob").at(nodes[1]);
  network.until(() => nodes[1].users().includes("Olga"), 3_000);
  return { network, nodes, old, olga, ann, bob };
}
