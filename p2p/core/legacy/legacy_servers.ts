/**
 * Legacy servers beside this one: their users are asked for every second and spoken for in the network,
 * and a message for one goes to every legacy server that lists the name, by a connection of its own that
 * carries the one frame. Such a list is a hint: legacy servers forget nobody. Knows how those programs
 * behave; knows nothing of links between netlab servers.
 *
 * @module
 */
import {
  type Frame,
  FrameType,
  Information,
  invalidNameReason,
  isAddress,
  MessageKind,
  NIL_UUID,
  parseAddress,
  readUncheckedItems,
  UserKind,
  type UserRecord,
  writeAnnouncement,
  writeInformationRequest,
} from "@netlab/protocol/codec";
import { type Directory, holdsName, type Location } from "../mesh/directory.ts";
import type { Context, Dial } from "../host.ts";
import type { Transport } from "../transport.ts";
import { Connection } from "../connection.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Users } from "../users/registry.ts";

/** How often a legacy server is asked for its users: milliseconds. */
const ASK_EVERY_MS = 1_000;
/** How long it may take to answer: milliseconds. */
const ANSWER_MS = 3_000;
/** When the core was not told the time for this long, nobody is blamed for silence: milliseconds. */
const STALLED_MS = 500;
/** How many messages may wait for one legacy server. */
const MAX_WAITING = 1_000;

/**
 * How long a legacy server may take to end a connection that carried one frame: milliseconds. Some end none,
 * or end it when the next one comes; the next message waits for that, so that their order holds.
 */
const COURIER_MS = 100;

/** A message on its way to a legacy server. */
interface Errand {
  readonly id: string;
  readonly message: Uint8Array;
  readonly done: (failure?: string) => void;
}

interface Neighbour {
  readonly address: string;
  readonly link: Connection;
  /** The names that it listed last. */
  users: ReadonlySet<string>;
  readonly errands: Errand[];
  askedAt: number;
  answeredAt: number;
}

/** The legacy servers that this server found. */
export class LegacyServers {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #mesh: Mesh;
  readonly #users: Users;
  readonly #onChange: (name: string) => void;
  #tickedAt: number;
  readonly #neighbours = new Map<Connection, Neighbour>();
  readonly #couriers = new Map<Connection, () => void>();

  /** None yet; `onChange` hears of every user whom this server begins or ceases to speak for. */
  constructor(
    context: Context,
    directory: Directory,
    mesh: Mesh,
    users: Users,
    onChange: (name: string) => void,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#mesh = mesh;
    this.#users = users;
    this.#onChange = onChange;
    this.#tickedAt = context.now;
  }

  /** Takes over a connection to a legacy server, and makes this server known to it. */
  adopt(link: Connection): void {
    const address = link.dialled!;
    const now = this.#context.now;
    link.role = "legacy";
    this.#neighbours.set(link, {
      address,
      link,
      users: new Set(),
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
    writeInformationRequest(link.out, Information.Servers);
    writeInformationRequest(link.out, Information.Users);
  }

  /** An answer came in from a legacy server. */
  received(link: Connection, frame: Frame): void {
    const neighbour = this.#neighbours.get(link);
    if (!neighbour) return;
    neighbour.answeredAt = this.#context.now;
    if (frame.subtype === Information.Servers) {
      for (const address of readUncheckedItems(frame.payload).filter(isAddress)) {
        this.#mesh.discovery.learn(address);
      }
    } else if (frame.subtype === Information.Users) {
      // One name that is none must not hide the others.
      const names = readUncheckedItems(frame.payload).filter((name) => !invalidNameReason(name));
      this.#update(neighbour, new Set(names));
    }
  }

  /** The addresses of the legacy servers next to this one. */
  *addresses(): Iterable<string> {
    for (const { address } of this.#neighbours.values()) yield address;
  }

  /** Whether such a server may send in the name of the user there. */
  speaksFor({ user }: Location): boolean {
    return !holdsName(user);
  }

  /** Whether a legacy server next to this one lists that user. */
  has(name: string): boolean {
    return this.#with(name).length > 0;
  }

  /**
   * Sends a message, as it stands in the payload of type 3, to every legacy server that lists its
   * recipient, behind those that wait for it: a user who has moved is listed by several. `done` hears
   * when the first of them has taken it, or why none did. A copy of one that waits is dropped.
   *
   * @returns Whether it was not dropped.
   */
  forward(
    name: string,
    id: string,
    message: Uint8Array,
    done: (failure?: string) => void,
  ): boolean {
    const neighbours = this.#with(name);
    const waitsFor = ({ errands }: Neighbour) => errands.some((errand) => errand.id === id);
    if (neighbours.some(waitsFor)) return false;
    if (neighbours.length === 0) done("the recipient has left");
    const copy = message.slice();
    let open = neighbours.length;
    let isDone = false;
    const finish = (failure?: string) => {
      open--;
      if (isDone || (failure !== undefined && open > 0)) return;
      isDone = true;
      done(failure);
    };
    for (const neighbour of neighbours) {
      if (neighbour.errands.length >= MAX_WAITING) {
        finish("too many messages wait for the recipient's server");
        continue;
      }
      neighbour.errands.push({ id, message: copy, done: finish });
      if (neighbour.errands.length === 1) this.#next(neighbour);
    }
    return true;
  }

  /** The addresses of the legacy servers next to this one that list a user. */
  addressesOf(name: string): string[] {
    return this.#with(name).map(({ address }) => address);
  }

  /** Something changed about where these users are: those who hold their names nowhere are spoken for. */
  changed(names: Iterable<string>): void {
    for (const name of names) if (this.has(name)) this.#publish(name);
  }

  /** Servers came into reach or went out of it: the same for all users. */
  reachChanged(): void {
    for (const { users } of this.#neighbours.values()) this.changed(users);
  }

  /** Asks again where it is time, and gives up who does not answer. */
  tick(): void {
    const now = this.#context.now;
    const stalled = now - this.#tickedAt > STALLED_MS;
    this.#tickedAt = now;
    for (const neighbour of this.#neighbours.values()) {
      // What was answered meanwhile has not been read yet.
      if (stalled && neighbour.askedAt > neighbour.answeredAt) neighbour.askedAt = now;
      if (neighbour.askedAt > neighbour.answeredAt && now - neighbour.askedAt > ANSWER_MS) {
        neighbour.link.abort();
        this.closed(neighbour.link);
      } else if (neighbour.askedAt <= neighbour.answeredAt) {
        if (now - neighbour.askedAt < ASK_EVERY_MS) continue;
        neighbour.askedAt = now;
        writeInformationRequest(neighbour.link.out, Information.Users);
      }
    }
  }

  /** A connection to a legacy server has ended. */
  closed(link: Connection): void {
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
    for (const errand of neighbour.errands.splice(0)) {
      errand.done("the recipient's server has gone");
    }
    this.#mesh.discovery.failed(neighbour.address);
  }

  /** Ends all connections. */
  close(): void {
    for (const link of this.#neighbours.keys()) link.close();
  }

  /** Publishes who came to a legacy server and who left it. */
  #update(neighbour: Neighbour, users: ReadonlySet<string>): void {
    const before = neighbour.users;
    neighbour.users = users;
    for (const name of before) {
      if (this.has(name)) continue;
      const known = this.#directory.at(this.#context.id, name);
      if (!known || holdsName(known)) continue;
      this.#mesh.publish(this.#directory.remove(name)!);
      this.#onChange(name);
    }
    for (const name of users) this.#publish(name);
  }

  /** Speaks for a user whom a legacy server lists, unless somebody within reach holds the name. */
  #publish(name: string): void {
    if (this.#directory.at(this.#context.id, name) || !this.#users.isFree(name)) return;
    const since = Math.floor(this.#context.now);
    const user: UserRecord = { name, kind: UserKind.OnLegacyServer, session: NIL_UUID, since };
    this.#mesh.publish(this.#directory.add(user));
    this.#onChange(name);
  }

  #with(name: string): Neighbour[] {
    return [...this.#neighbours.values()].filter(({ users }) => users.has(name));
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
    const write = ({ out }: Transport) =>
      out.frame(FrameType.Message, MessageKind.Ephemeral, errand.message);
    this.#send(neighbour.address, write, finish);
  }

  /** Opens a connection for one frame, and closes it behind it. */
  #send(address: string, write: (port: Transport) => void, done: (failure?: string) => void): void {
    const context = this.#context;
    const dial: Dial = {
      lingerMs: COURIER_MS,
      connected: (port) => {
        const link = new Connection(port, "", address, context.now);
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
