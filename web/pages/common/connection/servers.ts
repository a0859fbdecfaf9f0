/**
 * The servers that a page can reach. Owns which address of the network leads to which WebSocket. Does not know what is
 * sent on them.
 *
 * @module
 */
import "./set_immediate.ts";
import { ErrorCode, NetlabError } from "@netlab/protocol/codec";
import { FrameConnection } from "@netlab/protocol/connection";
import { SocketBytes } from "./socket_bytes.ts";
import { loadSocketFrame, type SocketClass } from "./socket_frame.ts";

/** A server that serves pages. */
export interface WebServerInfo {
  /** Its address in the network: `host:port` or `tls://host:port`. */
  readonly address: string;
  /** The origin of its pages, such as `http://127.0.0.1:8080`. */
  readonly origin: string;
}

/** The answer of a server to `/servers`. */
interface ServerList {
  readonly own: string;
  readonly servers: readonly WebServerInfo[];
}

/** How often the server of this page is asked for others: milliseconds. */
const LOOK_MS = 5_000;

/** The servers that this page knows. */
export class Servers {
  /** The address of the server from which this page was loaded: `host:port` or `tls://host:port`. */
  readonly own: string;
  /** The origin of the pages of each server, by its address. */
  readonly #origins = new Map<string, string>();

  /** To which origins the policy permits WebSockets of this class. */
  #permitted: ReadonlySet<string>;
  #Socket: SocketClass = WebSocket;

  private constructor(list: ServerList) {
    this.own = list.own;
    this.#add(list);
    this.#permitted = new Set(this.#origins.values());
    setInterval(() => void this.#look().catch(() => {}), LOOK_MS);
  }

  /**
   * Asks the server of this page.
   *
   * @throws {TypeError} When it does not answer.
   */
  static async load(): Promise<Servers> {
    return new Servers(await ask(location.origin));
  }

  /** The addresses of all servers that this page can reach, the one from which it was loaded first. */
  get addresses(): string[] {
    return [...this.#origins.keys()];
  }

  /**
   * Returns the order in which a client tries servers, with those that only this page knows: first the one from which
   * the page was loaded, then the others in random order.
   *
   * @param known The addresses of the servers that the client knows.
   */
  order(known: readonly string[]): string[] {
    const others = [...new Set([...known, ...this.addresses])].filter((one) => one !== this.own)
      .map((address) => ({ address, at: Math.random() })).sort((a, b) => a.at - b.at);
    return [this.own, ...others.map(({ address }) => address)];
  }

  /**
   * Opens a connection to a server, as `P2pClientOptions.dial` does.
   *
   * @param address The address of the server in the network.
   * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when it serves no pages or cannot be reached,
   *   {@linkcode ErrorCode.TimedOut} when nothing answers.
   * @throws {unknown} The reason of `stop` when it aborts.
   */
  readonly dial = async (address: string, stop: AbortSignal): Promise<FrameConnection> => {
    const origin = this.#origins.get(address);
    if (origin === undefined) {
      const message = `Cannot reach ${address}: it serves no pages that this page knows`;
      throw new NetlabError(ErrorCode.ConnectionLost, message, { fatal: true });
    }
    return new FrameConnection(await SocketBytes.open(origin, stop, this.#Socket));
  };

  /** Asks for servers that have come meanwhile, so that they are known when this one is lost. */
  async #look(): Promise<void> {
    this.#add(await ask(location.origin));
    const origins = [...this.#origins.values()];
    if (origins.every((origin) => this.#permitted.has(origin))) return;
    // The policy of the page does not permit connections to them, but that of a newer frame does.
    this.#permitted = new Set(origins);
    this.#Socket = await loadSocketFrame();
  }

  #add({ own, servers }: ServerList): void {
    // The address bar may name the server in another way than the server itself.
    this.#origins.set(own, location.origin);
    for (const { address, origin } of servers) {
      if (address !== own) this.#origins.set(address, origin);
    }
  }
}

async function ask(origin: string): Promise<ServerList> {
  const response = await fetch(`${origin}/servers`, { cache: "no-store" });
  if (!response.ok) throw new TypeError(`Cannot list the servers: ${response.status}`);
  return await response.json();
}
