/**
 * A legacy server on a {@linkcode VirtualNetwork}, exactly as strict as the original Python programs:
 * types 0 to 5, one connection for each message, plain text to users, empty echo replies, and names
 * that stay after their connections have ended.
 *
 * @module
 */
import {
  type Frame,
  FrameType,
  hostOf,
  Information,
  readAnnouncement,
  readLegacyName,
  readMessage,
  writeAnnouncement,
  writeInformationResponse,
} from "@netlab/protocol";
import type { VirtualConnection, VirtualNetwork } from "@netlab/lab/simulator";

/** What came in on one connection. */
export interface Visit {
  from: string;
  frames: Frame[];
}

/** A legacy server. It runs from the start, and knows no other server. */
export class LegacyServer {
  readonly address: string;
  /** Connections that were opened to it, with what they carried; in order. */
  readonly visits: Visit[] = [];
  /** The servers that it has heard of. */
  readonly servers = new Set<string>();
  /** Reads, and answers nothing. */
  stuck = false;
  readonly #network: VirtualNetwork;
  readonly #users = new Map<string, VirtualConnection>();
  readonly #connections = new Set<VirtualConnection>();
  readonly #seen = new Set<string>();

  constructor(network: VirtualNetwork, address: string) {
    this.#network = network;
    this.address = address;
    network.listen(address, (connection) => this.#run(connection));
  }

  /** Announces itself to a server. */
  announceTo(address: string): void {
    this.say(address, (out) => writeAnnouncement(out, this.#port));
  }

  /** Opens a connection, says one thing, and closes. */
  say(address: string, write: (out: VirtualConnection["out"]) => void): void {
    this.#network.dial(this.address, address, {
      connected: (connection) => {
        connection.start({ frame: () => {} });
        write(connection.out);
        connection.close();
      },
      failed: () => {},
    });
  }

  /** The names of its users. */
  get users(): string[] {
    return [...this.#users.keys()];
  }

  /** The messages that came, each with how many frames its connection carried. */
  messages(): { text: string; frames: number; subtype: number }[] {
    return this.visits.flatMap(({ frames }) =>
      frames.filter(({ type }) => type === FrameType.Message).map((frame) => ({
        text: readMessage(frame.payload).text,
        frames: frames.length,
        subtype: frame.subtype,
      }))
    );
  }

  /** Stops listening, and drops all connections without signing off. */
  crash(): void {
    this.#network.unlisten(this.address);
    for (const connection of this.#connections) connection.vanish();
  }

  get #port(): number {
    return Number(this.address.slice(this.address.lastIndexOf(":") + 1));
  }

  #run(connection: VirtualConnection): void {
    const visit: Visit = { from: connection.peer.party, frames: [] };
    this.visits.push(visit);
    this.#connections.add(connection);
    connection.start({
      frame: (frame) => {
        visit.frames.push(frame.copy());
        if (this.stuck) return;
        if (frame.type === FrameType.Registration) {
          this.#users.set(readLegacyName(frame.payload), connection);
        } else this.#frame(connection, frame);
      },
      gone: () => {
        this.#connections.delete(connection);
      },
    });
  }

  #frame({ out, peer }: VirtualConnection, frame: Frame): void {
    switch (frame.type) {
      case FrameType.InformationRequest: {
        const answers: Record<number, string[]> = {
          [Information.Servers]: [this.address, ...this.servers],
          [Information.Users]: this.users,
        };
        return writeInformationResponse(out, frame.subtype, answers[frame.subtype] ?? []);
      }
      case FrameType.InformationResponse: {
        const address = `${hostOf(peer.party)}:${readAnnouncement(frame.payload)}`;
        if (this.servers.has(address)) return;
        this.servers.add(address);
        return this.announceTo(address);
      }
      case FrameType.Echo:
        out.begin(FrameType.Echo, 0);
        return out.end();
      case FrameType.Disconnect:
        this.#users.delete(readLegacyName(frame.payload));
        return;
      case FrameType.Message:
        return this.#deliver(frame.copy());
    }
  }

  #deliver(frame: Frame): void {
    const { id, sender, recipient, text } = readMessage(frame.payload);
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    const user = this.#users.get(recipient);
    if (user) return user.out.raw(new TextEncoder().encode(`${sender}: ${text}`));
    for (const address of [this.address, ...this.servers]) {
      this.say(address, (out) => out.forward(frame, 0));
    }
  }
}
