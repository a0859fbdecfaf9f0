/**
 * The users of a simulated network, without connections of their own: each is registered at the core of a server,
 * and what the server writes to it is dropped. So a million users cost only what servers keep of them. Knows
 * nothing of links.
 *
 * @module
 */
import {
  Frame,
  FrameWriter,
  MAX_PAYLOAD_BYTES,
  readFrames,
  writeSessionRegistration,
} from "@netlab/protocol";
import { type Connection, type RoutingCore, type Transport, User } from "@netlab/p2p/core";
import { pick } from "../random.ts";
import type { VirtualNetwork } from "../simulator/world/virtual_network.ts";
import type { VirtualNode } from "../simulator/world/virtual_node.ts";

/** Servers remove sessions that are silent for 45 s. Users show that they are alive at this interval: milliseconds. */
const ALIVE_EVERY_MS = 15_000;
/** How long after its start a session leaves the server from which it moves: milliseconds. */
const MOVE_MS = 5;
/** Where all users are: servers limit the connections of any other host. */
const HOST = "127.0.0.1";
/** Users of a server that has crashed are back within this time: milliseconds. */
const BACK_WITHIN_MS = 2_000;

/** A user who is registered at one server. */
export interface RegisteredUser {
  /** The name. */
  readonly name: string;
  /** The session's key: a UUID. */
  readonly key: string;
  /** The server. */
  node: VirtualNode;
  /** The user's connection, as the core of the server sees it. */
  connection: Connection;
  /** Whether the user has left. */
  hasLeft: boolean;
}

/** The users of a network. */
export class Population {
  readonly #network: VirtualNetwork;
  readonly #nodes: readonly VirtualNode[];
  readonly #users: RegisteredUser[] = [];
  #count = 0;

  /** Creates a network without users. */
  constructor(network: VirtualNetwork, nodes: readonly VirtualNode[]) {
    this.#network = network;
    this.#nodes = nodes;
    const stayAlive = () => {
      for (const { connection } of this.#users) connection.heardAt = network.now;
      network.after(ALIVE_EVERY_MS, stayAlive);
    };
    network.after(ALIVE_EVERY_MS, stayAlive);
  }

  /** The number of users. */
  get size(): number {
    return this.#users.length;
  }

  /** Returns one user of each server that has any. */
  onePerServer(): RegisteredUser[] {
    return [...new Map(this.#users.map((user) => [user.node, user])).values()];
  }

  /** Adds a user at a server: by default at any that runs. */
  join(node: VirtualNode = this.#anyServer()): RegisteredUser {
    const name = `user ${++this.#count}`;
    const key = this.#network.uuid();
    const user = {
      name,
      key,
      node,
      connection: register(this.#network, node, name, key),
      hasLeft: false,
    };
    this.#users.push(user);
    return user;
  }

  /** Lets a random user leave. */
  leave(): void {
    const at = Math.floor(this.#network.random() * this.#users.length);
    const user = this.#users[at]!;
    user.hasLeft = true;
    this.#users[at] = this.#users.at(-1)!;
    this.#users.pop();
    close(this.#network, user.node, user.connection);
  }

  /** Lets a random user move to another server, with its session. */
  move(): void {
    const user = pick(this.#network.random, this.#users);
    const { node: from, connection } = user;
    const to = this.#anyServer();
    if (to === from) return;
    user.node = to;
    user.connection = register(this.#network, to, user.name, user.key);
    this.#network.after(MOVE_MS, () => {
      if (!from.isRunning || !(connection.party instanceof User)) return;
      from.core.setTime(this.#network.now);
      from.core.users.signOff(connection.party, true);
      from.core.flush();
    });
  }

  /** Registers the users of a server that has crashed at other servers, within two seconds. */
  leaveServer(node: VirtualNode): void {
    for (const user of this.#users) {
      if (user.node !== node) continue;
      user.node = this.#anyServer();
      this.#network.after(BACK_WITHIN_MS * this.#network.random(), () => {
        user.connection = register(this.#network, user.node, user.name, user.key);
      });
    }
  }

  #anyServer(): VirtualNode {
    for (;;) {
      const node = pick(this.#network.random, this.#nodes);
      if (node.isRunning) return node;
    }
  }
}

/** A transport that drops what is written to it. */
class Nowhere implements Transport {
  readonly out: FrameWriter = new FrameWriter({
    onFirstByte: () => this.out.recycle(this.out.take()),
  });
  readonly #ended: () => void;

  constructor(ended: () => void) {
    this.#ended = ended;
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.#ended();
  }

  close(): void {
    this.#ended();
  }

  abort(): void {
    this.#ended();
  }
}

function register(
  network: VirtualNetwork,
  node: VirtualNode,
  name: string,
  key: string,
): Connection {
  const { core } = node;
  core.setTime(network.now);
  const connection: Connection = core.accepted(
    new Nowhere(() => network.after(0, () => close(network, node, connection))),
    HOST,
  );
  const out = new FrameWriter();
  writeSessionRegistration(out, { session: key, name });
  handle(core, connection, out.take());
  core.flush();
  return connection;
}

function handle(core: RoutingCore, connection: Connection, bytes: Uint8Array): void {
  const frame = new Frame();
  readFrames(bytes, 0, bytes.length, MAX_PAYLOAD_BYTES, frame, (frame) => {
    core.received(connection, frame);
  });
}

function close(network: VirtualNetwork, node: VirtualNode, connection: Connection): void {
  if (!node.isRunning) return;
  node.core.setTime(network.now);
  node.core.closed(connection);
}
