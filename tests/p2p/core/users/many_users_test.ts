/**
 * The work for one user does not grow with the number of users. It is counted, not timed: every step
 * of an iteration over a map, a set or a list, and every frame and byte between servers.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  HEADER_BYTES,
  MessageKind,
  writeMessage,
  writeSessionRegistration,
} from "@netlab/protocol";
import type { VirtualConnection, VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { connectTo, numberedName, type Party, steadyServers } from "./steady_network.ts";
import { stepsOf } from "./steps.ts";

const FEW = 10;
const MANY = 10_000;
/** How often a server is told the time: milliseconds. */
const TICK_MS = 250;

/** Two linked servers with many users at the first one. Counts what one more user costs there. */
class Network {
  readonly #network: VirtualNetwork;
  readonly #nodes: [VirtualNode, VirtualNode];
  /** Bytes from the first server to the second. */
  #bytes = 0;

  constructor(count: number) {
    const { network, nodes } = steadyServers();
    this.#network = network;
    this.#nodes = nodes;
    network.watch(({ from, to, frame }) => {
      if (from === nodes[0].address && to === nodes[1].address) {
        this.#bytes += HEADER_BYTES + frame.payload.length;
      }
      return false;
    });
    for (let i = 0; i < count; i++) this.join(numberedName(i));
    network.run(100);
    assertEquals(nodes[0].core.users.count, count);
    assertEquals(nodes[1].users().length, count);
  }

  get first(): VirtualNode {
    return this.#nodes[0];
  }

  /** Connects a user. The result gets the connection as soon as it is open. */
  join(name: string): Party {
    return connectTo(this.first, this.#network, `${name}:1`, ({ out }) => {
      writeSessionRegistration(out, { name, session: this.#network.uuid() });
    });
  }

  send(from: VirtualConnection, kind: number): void {
    const message = { id: this.#network.uuid(), sender: "Ann", recipient: "Bob", text: "Hello" };
    writeMessage(from.out, message, kind);
  }

  /** The steps and the bytes that something costs, in the time between two ticks. */
  costOf(what: () => void): [steps: number, bytes: number] {
    this.#network.run(1.5 * TICK_MS - this.#network.now % TICK_MS);
    const before = this.#bytes;
    const steps = stepsOf(() => {
      what();
      this.#network.run(TICK_MS / 4);
    });
    return [steps, this.#bytes - before];
  }

  /** Returns the steps of one tick interval in which nothing else happens: the fewest of 30 intervals. */
  idleSteps(): number {
    const all = Array.from({ length: 30 }, () => stepsOf(() => this.#network.run(TICK_MS)));
    return Math.min(...all);
  }
}

/** What everything costs that is done for one user, while so many others are there. */
function costs(count: number) {
  const network = new Network(count);
  const { users } = network.first.core;
  const ann = network.join("Ann");
  network.join("Bob");
  network.costOf(() => {});
  let carl: Party = {};
  const found = {
    join: network.costOf(() => carl = network.join("Carl")),
    message: network.costOf(() => network.send(ann.connection!, MessageKind.Ephemeral)),
    outboundMessage: network.costOf(() => network.send(ann.connection!, MessageKind.Durable)),
    leave: network.costOf(() => carl.connection!.end()),
    tick: network.idleSteps(),
  };
  assertEquals(users.count, count + 2);
  return found;
}

pureTest(
  "a user who joins, writes or leaves costs no more steps among many users than among few",
  () => {
    const few = costs(FEW);
    assert(few.join[1] > 0 && few.leave[1] > 0, "the other server hears of it");
    assert(few.message[0] > 0 && few.outboundMessage[0] > 0, "steps are counted");
    assertEquals(costs(MANY), few);
  },
);

pureTest("an end of a connection that is reported twice is handled once", () => {
  const network = new Network(FEW);
  const { core } = network.first;
  const ann = network.join("Ann");
  network.costOf(() => {});
  let turns = 0;
  network.costOf(() => {
    const turn = core.flush.bind(core);
    core.flush = () => {
      turns++;
      turn();
    };
    ann.connection!.end();
  });
  assertEquals([core.users.count, turns], [FEW, 1]);
});
