/**
 * The legacy servers next to this one. Owns the lists of their users, which it requests every second and
 * publishes to the network, and the messages for those users. A message goes to every legacy server that
 * lists its recipient, each time over a new connection that carries only this frame. A list is a hint,
 * because legacy servers never forget a name. Knows how the legacy programs behave. Knows nothing about
 * links between netlab servers.
 *
 * @module
 */
import {
  type Frame,
  FrameType,
  Information,
  MessageKind,
  NIL_UUID,
  parseAddress,
  readServers,
  readUncheckedItems,
  UserKind,
  type UserRecord,
  writeAnnouncement,
  writeInformationRequest,
} from "@netlab/protocol/codec";
import type { Directory } from "../mesh/directory.ts";
import { holdsName } from "../mesh/locations/same_name.ts";
import type { Context, Dial } from "../host.ts";
import type { Transport } from "../connection/transport.ts";
import { Connection } from "../connection/connection.ts";
import { LegacyDelivery, LegacyServer } from "./legacy_server.ts";
import { LIMITS } from "../limits.ts";
import type { Locations } from "../mesh/locations/locations.ts";
import type { ServerNetwork } from "../mesh/server_network.ts";

/** How often a legacy server is asked for its users: milliseconds. */
const ASK_EVERY_MS = 1_000;
/** How long a legacy server may take to answer: milliseconds. */
const ANSWER_MS = 3_000;
/** After a longer gap between ticks, silence is blamed on this server itself: milliseconds. */
const MAX_TICK_GAP_MS = 500;
/** The most messages that may wait for one legacy server. */
const MAX_WAITING = 1_000;

/**
 * How long a legacy server may take to end a connection that carried one frame: milliseconds. The next
 * message waits for that, which keeps messages in order. Some legacy servers never end a connection, or
 * only when the next one opens.
 */
const LINGER_MS = 100;

/** The legacy servers that this server has found. */
export class LegacyServers {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #mesh: ServerNetwork;
  readonly #locations: Locations;
  readonly #onChange: (name: string) => void;
  readonly #maxBytes: number;
  #tickedAt: number;
  readonly #servers = new Set<LegacyServer>();
  /** How many of them each host has. */
  readonly #hosts = new Map<string, number>();

  /**
   * Creates an empty list.
   *
   * @param onChange Called with the name of every user whom this server starts or stops publishing.
   * @param maxBytes The most bytes of messages that wait for one legacy server.
   */
  constructor(
    context: Context,
    directory: Directory,
    mesh: ServerNetwork,
    locations: Locations,
    onChange: (name: string) => void,
    maxBytes: number = LIMITS.maxLegacyBytes.default,
  ) {
    this.#maxBytes = maxBytes;
    this.#context = context;
    this.#directory = directory;
    this.#mesh = mesh;
    this.#locations = locations;
    this.#onChange = onChange;
    this.#tickedAt = context.now;
  }

  /** Takes over a connection to a legacy server, and announces this server to it. */
  adopt(connection: Connection): void {
    const address = connection.dialled!;
    const server = new LegacyServer(connection, address, this.#context.now);
    connection.party = server;
    this.#servers.add(server);
    this.#hosts.set(connection.remoteHost, (this.#hosts.get(connection.remoteHost) ?? 0) + 1);
    this.#mesh.discovery.isLegacy(address);
    this.#context.logger.info("found a legacy server on {address}", {
      event: "legacy.found",
      address,
    });
    const { port, tls } = parseAddress(this.#context.address);
    // A legacy server cannot use TLS, so it cannot reach a server that needs it.
    if (!tls) this.#send(address, (transport) => writeAnnouncement(transport.out, port), () => {});
    writeInformationRequest(connection.out, Information.Servers);
    writeInformationRequest(connection.out, Information.Users);
  }

  /** Handles a response of a legacy server. */
  received(server: LegacyServer, frame: Frame): void {
    if (!this.#servers.has(server)) return;
    server.answeredAt = this.#context.now;
    if (frame.subtype === Information.Servers) {
      for (const address of readServers(frame.payload)) {
        this.#mesh.discovery.learn(address, server.connection);
      }
    } else if (frame.subtype === Information.Users) {
      // One invalid name must not hide the others.
      const items = readUncheckedItems(frame.payload);
      const names = items.filter((name) => name !== "" && this.#directory.accepts(name));
      this.#update(server, new Set(names));
    }
  }

  /** Returns the addresses of the legacy servers next to this one. */
  *addresses(): Iterable<string> {
    for (const { address } of this.#servers) yield address;
  }

  /** Returns whether a legacy server next to this one runs on a host. */
  isOn(host: string): boolean {
    return this.#hosts.has(host);
  }

  /** Returns whether a legacy server next to this one lists a user. */
  has(name: string): boolean {
    return this.#listing(name).length > 0;
  }

  /** Returns the addresses of the legacy servers next to this one that list a user. */
  addressesOf(name: string): string[] {
    return this.#listing(name).map(({ address }) => address);
  }

  /**
   * Sends a message to every legacy server that lists its recipient, after the messages that already wait
   * for that server. A copy of a waiting message is dropped.
   *
   * @param id The message's id, a UUID in text.
   * @param message The message as the payload of type 3 carries it.
   * @param done Called once: when the first server has taken the message, or with the reason why none
   *   has. It is not called for a dropped copy.
   * @returns False if the message is a dropped copy.
   */
  forward(
    name: string,
    id: string,
    message: Uint8Array,
    done: (failure?: string) => void,
  ): boolean {
    const servers = this.#listing(name);
    if (servers.some((server) => server.isWaiting(id))) return false;
    if (servers.length === 0) done("the recipient has left");
    const copy = message.slice();
    let pending = servers.length;
    let isDone = false;
    const finish = (failure?: string) => {
      pending--;
      if (isDone || (failure !== undefined && pending > 0)) return;
      isDone = true;
      done(failure);
    };
    for (const server of servers) {
      const waitingBytes = server.waitingBytes + copy.length;
      if (server.messages.length >= MAX_WAITING || waitingBytes > this.#maxBytes) {
        finish("too many messages wait for the recipient's server");
        continue;
      }
      server.messages.push({ id, message: copy, done: finish });
      if (server.messages.length === 1) this.#sendNext(server);
    }
    return true;
  }

  /** Publishes listed users whose names are free now. Call it when the locations of users changed. */
  changed(names: Iterable<string>): void {
    for (const name of names) if (this.has(name)) this.#publish(name);
  }

  /**
   * Publishes all listed users whose names are free now. Call it when the set of reachable servers
   * changed.
   */
  reachChanged(): void {
    for (const { users } of this.#servers) this.changed(users);
  }

  /**
   * Requests the users of each legacy server when it is time, and gives up servers that do not answer.
   */
  tick(): void {
    const now = this.#context.now;
    const stalled = now - this.#tickedAt > MAX_TICK_GAP_MS;
    this.#tickedAt = now;
    for (const server of this.#servers) {
      // A response may have arrived that was not read yet.
      if (stalled && server.askedAt > server.answeredAt) server.askedAt = now;
      if (server.askedAt > server.answeredAt && now - server.askedAt > ANSWER_MS) {
        server.connection.abort();
        this.closed(server.connection);
      } else if (server.askedAt <= server.answeredAt) {
        if (now - server.askedAt < ASK_EVERY_MS) continue;
        server.askedAt = now;
        writeInformationRequest(server.connection.out, Information.Users);
      }
    }
  }

  /** Handles the end of a connection to a legacy server. */
  closed({ party, remoteHost }: Connection): void {
    if (party instanceof LegacyDelivery) party.finish();
    if (!(party instanceof LegacyServer) || !this.#servers.delete(party)) return;
    const others = (this.#hosts.get(remoteHost) ?? 1) - 1;
    if (others > 0) this.#hosts.set(remoteHost, others);
    else this.#hosts.delete(remoteHost);
    this.#context.logger.info("lost the legacy server on {address}", {
      event: "legacy.lost",
      address: party.address,
    });
    this.#update(party, new Set());
    for (const { done } of party.messages.splice(0)) done("the recipient's server has gone");
    this.#mesh.discovery.failed(party.address);
  }

  /** Ends all connections. */
  close(): void {
    for (const { connection } of this.#servers) connection.close();
  }

  /** Publishes which users joined or left a legacy server. */
  #update(server: LegacyServer, users: ReadonlySet<string>): void {
    const before = server.users;
    server.users = users;
    for (const name of before) {
      if (this.has(name)) continue;
      const known = this.#directory.at(this.#context.id, name);
      if (!known || holdsName(known)) continue;
      this.#mesh.publish(this.#directory.remove(name)!);
      this.#onChange(name);
    }
    for (const name of users) this.#publish(name);
  }

  /** Publishes a user whom a legacy server lists, unless a user within reach holds the name. */
  #publish(name: string): void {
    if (this.#directory.at(this.#context.id, name) || !this.#locations.isFree(name)) return;
    const since = Math.floor(this.#context.now);
    const user: UserRecord = { name, kind: UserKind.OnLegacyServer, session: NIL_UUID, since };
    this.#mesh.publish(this.#directory.add(user));
    this.#onChange(name);
  }

  #listing(name: string): LegacyServer[] {
    return [...this.#servers].filter(({ users }) => users.has(name));
  }

  /**
   * Sends the first waiting message. The next one follows when the server has read it, which keeps them
   * in order.
   */
  #sendNext(server: LegacyServer): void {
    const first = server.messages[0];
    if (!first) return;
    const finish = (failure?: string) => {
      if (server.messages[0] !== first) return;
      server.messages.shift();
      first.done(failure);
      this.#sendNext(server);
    };
    const write = ({ out }: Transport) =>
      out.frame(FrameType.Message, MessageKind.Ephemeral, first.message);
    this.#send(server.address, write, finish);
  }

  /** Opens a connection, sends one frame and closes the connection. */
  #send(
    address: string,
    write: (transport: Transport) => void,
    done: (failure?: string) => void,
  ): void {
    const context = this.#context;
    const dial: Dial = {
      lingerMs: LINGER_MS,
      connected: (transport) => {
        const connection = new Connection(transport, "", address, context.now);
        connection.party = new LegacyDelivery(address, done);
        write(transport);
        connection.close();
        return connection;
      },
      failed: (reason) => done(reason),
    };
    context.host.dial(address, dial);
  }
}
