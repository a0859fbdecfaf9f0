/**
 * Users in a storm who move, leave and come back, one at each server. Each test decides what they
 * send.
 *
 * @module
 */
import { pick } from "@netlab/lab/random";
import { SessionClient } from "@netlab/lab/simulator";
import type { Storm } from "./storm.ts";

/** A client at each server, as soon as the servers are linked. */
export function clientsIn({ network, nodes }: Storm): SessionClient[] {
  const addresses = nodes.map(({ address }) => address);
  network.run(2_000);
  const clients = nodes.map((node, index) =>
    new SessionClient(network, `User ${index}`, addresses).moveTo(node)
  );
  network.run(1_000);
  return clients;
}

/** Breaks or repairs one thing; now and then a client moves or leaves. */
export function blow(storm: Storm, clients: readonly SessionClient[]): void {
  const { nodes, random } = storm;
  storm.blow(true);
  const client = pick(random, clients);
  if (random() < 0.3) client.moveTo(pick(random, nodes));
  else if (random() < 0.2) client.leave();
}

/** Ends the storm, and waits until all servers and users are there. */
export function clearUp(storm: Storm, clients: readonly SessionClient[]): void {
  storm.heal();
  for (const client of clients) client.comeBack();
  storm.network.run(60_000);
  storm.settle(clients.map(({ name }) => name));
}
