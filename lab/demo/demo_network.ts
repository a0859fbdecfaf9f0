/**
 * Three servers in processes of their own that serve pages, users who write to each other, and one slow link. It is
 * something to look at: a program shows it, and screenshots are made of it. Knows nothing of pages.
 *
 * @module
 */
import { P2pClient } from "@netlab/p2p/client";
import { freePorts } from "../cluster/ports.ts";
import { Process } from "../cluster/process.ts";
import { programOf } from "../cluster/server_start.ts";
import { FaultProxy } from "../proxy/fault_proxy.ts";
import { randomSeed, seeded } from "../random.ts";

/** The servers, by the names under which they know each other. Nobody else finds these names. */
const NAMES = ["paris", "tokyo", "lima"] as const;
/** The users, in turn at each server. */
const USERS = [
  "Ada",
  "Bela",
  "Chloe",
  "Dario",
  "Emre",
  "Farid",
  "Greta",
  "Hana",
  "Ines",
  "Jonas",
  "Kofi",
  "Lin",
] as const;
/** How long bytes take between the first server and the last one, each way, and between others: milliseconds. */
const SLOW_MS = 60;
const FAST_MS = 4;
/** The pause of a user between two messages, on average: milliseconds. */
const PAUSE_MS = 1_500;
/** How long a user takes to answer somebody who is no user of this network: milliseconds. */
const THINKING_MS = 1_200;

const PHRASES = [
  "Did you see the route change?",
  "That took a detour, and arrived anyway.",
  "I am on another server now, same name.",
  "Who has the measurements of this morning?",
  "Round trip looks good from here.",
  "The slow link is slow again.",
  "Lunch at half past twelve?",
  "Two ticks already. Nice.",
  "Can somebody kill my server, please?",
  "It is back.",
] as const;

/** A server of the network. */
interface Node {
  readonly name: string;
  readonly port: number;
  readonly webPort: number;
  readonly peers: string[];
  process: Process | undefined;
}

/** How a {@linkcode DemoNetwork} starts. */
export interface DemoOptions {
  /**
   * The ports of the pages: three numbers.
   *
   * @default {free ports}
   */
  webPorts?: readonly number[];
}

/** Three servers and their users. */
export class DemoNetwork implements AsyncDisposable {
  readonly #nodes: Node[] = [];
  readonly #proxies: FaultProxy[] = [];
  readonly #users: P2pClient[] = [];
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #random = seeded(randomSeed());
  #isClosed = false;

  private constructor() {}

  /**
   * Starts the servers and their users.
   *
   * @throws {Error} When a server does not start. The message contains its output.
   */
  static async start({ webPorts }: DemoOptions = {}): Promise<DemoNetwork> {
    const network = new DemoNetwork();
    try {
      const ports = freePorts(2 * NAMES.length);
      for (const [index, name] of NAMES.entries()) {
        const webPort = webPorts?.[index] ?? ports[NAMES.length + index]!;
        network.#nodes.push({ name, port: ports[index]!, webPort, peers: [], process: undefined });
      }
      await network.#join();
      for (const node of network.#nodes) await network.#run(node);
      for (const [index, name] of USERS.entries()) await network.#connect(name, index);
      for (const user of network.#users) network.#chat(user);
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The names of the servers. */
  get names(): readonly string[] {
    return NAMES;
  }

  /** The origins of the pages, in the order of the servers. */
  get origins(): string[] {
    return this.#nodes.map(({ webPort }) => `http://127.0.0.1:${webPort}`);
  }

  /** The users, who are where their servers have moved them. */
  get users(): readonly P2pClient[] {
    return this.#users;
  }

  /** Kills a server at once, as `kill -9` does. */
  async kill(index: number): Promise<void> {
    const node = this.#nodes[index]!;
    node.process?.kill("SIGKILL");
    await node.process?.ended;
    await node.process?.[Symbol.asyncDispose]();
    node.process = undefined;
  }

  /** Starts a server again that was killed. */
  async restart(index: number): Promise<void> {
    await this.#run(this.#nodes[index]!);
  }

  /** Ends everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#users.map((user) => user.close()));
    await Promise.all(this.#nodes.map((_, index) => this.kill(index)));
    await Promise.all(this.#proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
  }

  /** Puts a proxy on each link. The servers know no other way to each other. */
  async #join(): Promise<void> {
    const [first, last] = [this.#nodes[0], this.#nodes.at(-1)];
    for (const [index, from] of this.#nodes.entries()) {
      for (const to of this.#nodes.slice(index + 1)) {
        const proxy = await FaultProxy.start({ target: `127.0.0.1:${to.port}` });
        const latencyMs = from === first && to === last ? SLOW_MS : FAST_MS;
        const faults = { latencyMs, jitterMs: latencyMs / 10 };
        proxy.set({ toTarget: faults, toClient: faults });
        this.#proxies.push(proxy);
        from.peers.push(proxy.address);
      }
    }
  }

  async #run(node: Node): Promise<void> {
    const { name, port, webPort, peers } = node;
    const own = `${name}.example:5001`;
    const process = Process.start(programOf("rtt", "server"), [
      ...["--port", `${port}`, "--advertise", own, "--web", `${webPort}`, "--json"],
      ...(peers.length > 0 ? peers : [own]).flatMap((peer) => ["--peer", peer]),
      ...["--network", "demo", "--no-legacy"],
    ]);
    node.process = process;
    await process.waitFor((line) => line.includes('"event":"web"'));
  }

  async #connect(name: string, index: number): Promise<void> {
    const addresses = this.#nodes.map(({ port }) => `127.0.0.1:${port}`);
    const first = index % addresses.length;
    const servers = [...addresses.slice(first), ...addresses.slice(0, first)];
    const user = await P2pClient.connect({ name, servers });
    this.#users.push(user);
    void this.#answer(user);
  }

  /** Answers those who are no users of this network: a person at a page. */
  async #answer(user: P2pClient): Promise<void> {
    try {
      for await (const { sender } of user) {
        if (USERS.includes(sender as never)) continue;
        this.#later(THINKING_MS, () => this.#send(user, sender));
      }
    } catch {
      // The network has ended.
    }
  }

  #chat(user: P2pClient): void {
    const waitMs = PAUSE_MS * 2 * this.#random();
    this.#later(waitMs, () => {
      const others = this.#users.filter((other) => other !== user);
      this.#send(user, others[Math.floor(this.#random() * others.length)]!.name);
      this.#chat(user);
    });
  }

  #send(user: P2pClient, recipient: string): void {
    const text = PHRASES[Math.floor(this.#random() * PHRASES.length)]!;
    user.send(recipient, text).catch(() => {});
  }

  #later(ms: number, run: () => void): void {
    if (this.#isClosed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }
}
