/**
 * Legacy servers beside this one: their users are asked for every second and spoken for in
 * the network, and a message for one goes as its own server would send it, by a connection of its own
 * that carries the one frame. Knows how those programs behave; knows nothing of links between netlab
 * servers.
 *
 * @module
 */
import {
  type Frame,
  FrameType,
  Information,
  isAddress,
  MessageKind,
  parseAddress,
  readText,
  UserKind,
  type UserRecord,
  whyNotAName,
  writeAnnouncement,
  writeInformationRequest,
} from "@netlab/protocol";
import { NIL_UUID } from "@netlab/protocol";
import type { Directory, Location } from "./directory.ts";
import type { Context, Dial, Port } from "./host.ts";
import { Link } from "./link.ts";
import type { Mesh } from "./mesh.ts";

/** How often a legacy server is asked for its users: milliseconds. */
const ASK_EVERY_MS = 1_000;
/** How long it may take to answer: milliseconds. */
const ANSWER_MS = 3_000;
/** How many messages may wait for one legacy server. */
const MAX_WAITING = 1_000;

/** A message on its way to a legacy server. */
interface Errand {
  readonly id: string;
  readonly message: Uint8Array;
  readonly done: (failure?: string) => void;
}

interface Neighbour {
  readonly address: string;
  readonly link: Link;
  readonly users: Set<string>;
  readonly errands: Errand[];
  askedAt: number;
  answeredAt: number;
}

/** The legacy servers that this server found. */
export class LegacyServers {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #mesh: Mesh;
  readonly #neighbours = new Map<Link, Neighbour>();
  readonly #couriers = new Map<Link, () => void>();

  /** None yet. */
  constructor(context: Context, directory: Directory, mesh: Mesh) {
    this.#context = context;
    this.#directory = directory;
    this.#mesh = mesh;
  }

  /** Takes over a connection to a legacy server, and makes this server known to it. */
  adopt(link: Link): void {
    const address = link.dialled!;
    const now = this.#context.now;
    link.role = "legacy";
    const users = new Set<string>();
    this.#neighbours.set(link, {
      address,
      link,
      users,
      errands: [],
      askedAt: now,
      answeredAt: now,
    });
    this.#mesh.discovery.isLegacy(address);
    this.#context.logger.info("found a legacy server on {address}", {
      event: "legacy.found",
      address,
    });
    const { port } = parseAddress(this.#context.address);
    this.#send(address, (connection) => writeAnnouncement(connection.out, port), () => {});
    writeInformationRequest(link.port.out, Information.Servers);
    writeInformationRequest(link.port.out, Information.Users);
  }

  /** An answer came in from a legacy server. */
  received(link: Link, frame: Frame): void {
    const neighbour = this.#neighbours.get(link);
    if (!neighbour) return;
    neighbour.answeredAt = this.#context.now;
    if (frame.subtype === Information.Servers) {
      for (const address of itemsOf(frame).filter(isAddress)) this.#mesh.discovery.learn(address);
    } else if (frame.subtype === Information.Users) {
      // One name or address that is none is not to hide the others.
      this.#update(neighbour, new Set(itemsOf(frame).filter((name) => !whyNotAName(name))));
    }
  }

  /** The addresses of the legacy servers next to this one. */
  *addresses(): Iterable<string> {
    for (const { address } of this.#neighbours.values()) yield address;
  }

  /** Whether such a server may send in the name of the user there. */
  speaksFor({ user }: Location): boolean {
    return user.kind === UserKind.Behind;
  }

  /** Whether a legacy server next to this one has that user. */
  has(name: string): boolean {
    return this.#with(name) !== undefined;
  }

  /**
   * Sends a message, as it stands in the payload of type 3, to the legacy server that has its
   * recipient, behind those that wait for it. `done` hears when that server has taken it, or why not.
   * A copy of one that waits is dropped.
   */
  forward(name: string, id: string, message: Uint8Array, done: (failure?: string) => void): void {
    const neighbour = this.#with(name);
    if (!neighbour) return done("it has left");
    if (neighbour.errands.length >= MAX_WAITING) {
      return done("too many messages wait for its server");
    }
    if (neighbour.errands.some((errand) => errand.id === id)) return;
    neighbour.errands.push({ id, message: message.slice(), done });
    if (neighbour.errands.length === 1) this.#next(neighbour);
  }

  /** Asks again where it is time, and gives up who does not answer. */
  tick(): void {
    const now = this.#context.now;
    for (const neighbour of this.#neighbours.values()) {
      if (neighbour.askedAt > neighbour.answeredAt && now - neighbour.askedAt > ANSWER_MS) {
        neighbour.link.port.abort();
        this.closed(neighbour.link);
      } else if (neighbour.askedAt <= neighbour.answeredAt) {
        if (now - neighbour.askedAt < ASK_EVERY_MS) continue;
        neighbour.askedAt = now;
        writeInformationRequest(neighbour.link.port.out, Information.Users);
      }
    }
  }

  /** A connection to a legacy server has ended. */
  closed(link: Link): void {
    this.#couriers.get(link)?.();
    this.#couriers.delete(link);
    const neighbour = this.#neighbours.get(link);
    if (!neighbour) return;
    this.#context.logger.info("lost the legacy server on {address}", {
      event: "legacy.lost",
      address: neighbour.address,
    });
    this.#neighbours.delete(link);
    this.#update(neighbour, new Set());
    for (const errand of neighbour.errands.splice(0)) errand.done("its server has gone");
    this.#mesh.discovery.failed(neighbour.address);
  }

  /** Ends all connections. */
  close(): void {
    for (const link of this.#neighbours.keys()) void link.port.close();
  }

  /** Publishes who came to a legacy server and who left it. */
  #update(neighbour: Neighbour, users: Set<string>): void {
    for (const name of neighbour.users) {
      if (users.has(name)) continue;
      neighbour.users.delete(name);
      const known = this.#directory.at(this.#context.id, name);
      if (known?.kind !== UserKind.Behind || this.#with(name)) continue;
      this.#mesh.publish(this.#directory.remove(name)!);
    }
    for (const name of users) {
      if (neighbour.users.has(name) || this.#isOurs(name)) continue;
      neighbour.users.add(name);
      if (this.#directory.at(this.#context.id, name)) continue;
      const since = Math.floor(this.#context.now);
      const user: UserRecord = { name, kind: UserKind.Behind, session: NIL_UUID, since };
      this.#mesh.publish(this.#directory.add(user));
    }
  }

  /** Whether the name is a netlab user's: legacy servers may list whom they heard of. */
  #isOurs(name: string): boolean {
    for (const { user } of this.#directory.find(name)) {
      if (user.kind !== UserKind.Behind) return true;
    }
    return false;
  }

  #with(name: string): Neighbour | undefined {
    for (const neighbour of this.#neighbours.values()) {
      if (neighbour.users.has(name)) return neighbour;
    }
    return undefined;
  }

  /** Sends the first errand; the next follows when that server has read it, so that order holds. */
  #next(neighbour: Neighbour): void {
    const errand = neighbour.errands[0];
    if (!errand) return;
    const finish = (failure?: string) => {
      if (neighbour.errands[0] !== errand) return;
      neighbour.errands.shift();
      errand.done(failure);
      this.#next(neighbour);
    };
    const write = ({ out }: Port) =>
      out.frame(FrameType.Message, MessageKind.Plain, errand.message);
    this.#send(neighbour.address, write, finish);
  }

  /** Opens a connection for one frame, and closes it behind it. */
  #send(address: string, write: (port: Port) => void, done: (failure?: string) => void): void {
    const context = this.#context;
    const dial: Dial = {
      connected: (port) => {
        const link = new Link(port, "", address, context.now);
        link.role = "courier";
        this.#couriers.set(link, done);
        write(port);
        void port.close();
        return link;
      },
      failed: (reason) => done(reason),
    };
    context.host.dial(address, dial);
  }
}

function itemsOf({ bytes, start, end }: Frame): string[] {
  return readText(bytes, start, end, "list").split("\0");
}
