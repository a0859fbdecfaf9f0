/**
 * Where users are: on rings around their servers. A user who moves flies to the other server. Does not know how users are
 * drawn.
 *
 * @module
 */
import type { Network } from "../model/network.ts";
import type { KnownUser } from "../model/users.ts";
import { type Layout, SERVER_RADIUS } from "./layout.ts";

/** The radius of the first ring, and the room between rings. */
const FIRST_RING = SERVER_RADIUS + 15;
const RING = 9;
/** The room that a user needs on a ring. */
const ROOM = 9;
/** A name this short fits into its server: characters. A longer one is below it. */
export const SHORT_NAME = 5;
/** The part of the rings that is free for such a name: radians. */
const NAME_GAP = 1.5;
/** How much of the way to its place a user moves in a frame. */
const PACE = 0.14;
/** A user this near has arrived. */
const NEAR = 0.3;

/** A user at a place. */
export interface Dot {
  readonly name: string;
  /** The id of the server. */
  server: string;
  x: number;
  y: number;
  /** The place on the ring, relative to the server. */
  dx: number;
  dy: number;
}

/** The users of all servers. */
export class Dots {
  readonly all = new Map<string, Dot>();
  #version = -1;
  #shape = "";
  #isMoving = false;

  /** Returns the room that a server with so many users needs. */
  static radius(users: number): number {
    let ring = FIRST_RING;
    for (let left = users - capacity(ring); left > 0; left -= capacity(ring)) ring += RING;
    return users === 0 ? SERVER_RADIUS + 10 : ring + 6;
  }

  /** Follows the users of a network. */
  update(network: Network, layout: Layout, isNaming: boolean): void {
    const { users, servers } = network;
    const shape = `${isNaming} ${isNaming && layout.isMoving} ${network.shape}`;
    if (users.version === this.#version && shape === this.#shape) return;
    this.#version = users.version;
    this.#shape = shape;
    this.#isMoving = true;
    for (const name of this.all.keys()) {
      if (!users.get(name)) this.all.delete(name);
    }
    for (const [server, some] of users.byServer) {
      if (!servers.has(server)) continue;
      const isLong = isNaming && network.nameOf(server).length > SHORT_NAME;
      const gap = isLong ? NAME_GAP : 0;
      const turn = isNaming && !isLong ? turnOf(server, some.length, network, layout) : 0;
      this.#arrange(server, some, layout, turn, gap);
    }
  }

  /** Whether users move. */
  get isMoving(): boolean {
    return this.#isMoving;
  }

  /**
   * Moves all users.
   *
   * @param isAtOnce Whether they are at their places at once.
   */
  step(layout: Layout, isAtOnce: boolean): void {
    const pace = isAtOnce ? 1 : PACE;
    let isMoving = false;
    for (const dot of this.all.values()) {
      const node = layout.nodes.get(dot.server);
      if (!node) continue;
      const x = node.x + dot.dx - dot.x;
      const y = node.y + dot.dy - dot.y;
      if (Math.abs(x) + Math.abs(y) < NEAR) {
        dot.x += x;
        dot.y += y;
        continue;
      }
      isMoving = true;
      dot.x += x * pace;
      dot.y += y * pace;
    }
    this.#isMoving = isMoving && !isAtOnce;
  }

  #arrange(
    server: string,
    users: readonly KnownUser[],
    layout: Layout,
    turn: number,
    gap: number,
  ): void {
    let ring = FIRST_RING;
    let first = 0;
    let room = Math.min(capacity(ring), users.length);
    for (const [at, { name }] of users.entries()) {
      if (at - first >= room) {
        first = at;
        ring += RING;
        room = Math.min(capacity(ring), users.length - first);
      }
      const part = (at - first + 0.5) / room;
      const angle = Math.PI / 2 + gap / 2 + (2 * Math.PI - gap) * part + turn;
      const dx = ring * Math.cos(angle);
      const dy = ring * Math.sin(angle);
      const known = this.all.get(name);
      if (known) Object.assign(known, { server, dx, dy });
      else {
        const { x = 0, y = 0 } = layout.nodes.get(server) ?? {};
        this.all.set(name, { name, server, x, y, dx, dy });
      }
    }
  }
}

/** How many ways to turn a ring are compared. */
const TURNS = 24;

/** Returns how to turn a ring so that links cross as few names as possible: radians. */
function turnOf(server: string, count: number, { links }: Network, layout: Layout): number {
  const node = layout.nodes.get(server);
  if (!node) return 0;
  const taken = links.flatMap(({ ends: [a, b] }) => {
    const other = layout.nodes.get(a === server ? b : b === server ? a : "");
    return other ? [Math.atan2(other.y - node.y, other.x - node.x)] : [];
  });
  const room = Math.min(capacity(FIRST_RING), count);
  let best = 0;
  let most = -1;
  for (let at = 0; at < TURNS; at++) {
    const turn = 2 * Math.PI * at / TURNS / room;
    let least = Infinity;
    for (let slot = 0; slot < room; slot++) {
      const angle = 2 * Math.PI * (slot + 0.5) / room + Math.PI / 2 + turn;
      for (const link of taken) least = Math.min(least, 1 - Math.cos(angle - link));
    }
    if (least > most + 0.01) [best, most] = [turn, least];
  }
  return best;
}

function capacity(ring: number): number {
  return Math.floor(2 * Math.PI * ring / ROOM);
}
