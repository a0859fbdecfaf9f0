/**
 * The two kinds of network that the tests of guarantees run on: servers that are linked with each other and store
 * messages in folders, and servers on NATS. Owns how each is started.
 *
 * @module
 */
import { hasNatsServer, NatsServers } from "@netlab/lab";
import { NatsEngine } from "@netlab/nats";
import { P2pServer, type P2pServerOptions } from "@netlab/p2p/server";
import { TestFolder } from "../folders.ts";
import { ignoreUnless } from "../permissions.ts";
import { eventually } from "../p2p/network.ts";

/** Whether tests with NATS are ignored. */
const isIgnored = ignoreUnless.run || ignoreUnless.write || !await hasNatsServer();

if (isIgnored) {
  // deno-lint-ignore no-console -- says why tests are ignored
  console.log(
    "tests with NATS are ignored: install nats-server (apt-get install nats-server) and run deno task test",
  );
}

/** Defines a test that starts nats-server. */
export function natsTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `${name} (NATS)`,
    ignore: isIgnored,
    sanitizeOps: true,
    sanitizeResources: true,
    sanitizeExit: true,
    fn,
  });
}

/** A network in which servers are started. */
export interface TestNetwork extends AsyncDisposable {
  /** Starts a server. What it stores survives its end. */
  start(options?: P2pServerOptions): Promise<P2pServer>;
}

/** A network of servers that are linked with each other. */
export class MeshNetwork implements TestNetwork {
  readonly #folder = new TestFolder();
  readonly #servers: P2pServer[] = [];

  async start(options: P2pServerOptions = {}): Promise<P2pServer> {
    const number = this.#servers.length;
    const peers = this.#servers.map(({ address }) => address);
    const data = `${this.#folder.path}/${number}`;
    const server = await P2pServer.listen({ peers, data, network: "test", ...options });
    this.#servers.push(server);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
    this.#folder[Symbol.dispose]();
  }
}

/** A network over a NATS server. */
export class NatsNetwork implements TestNetwork {
  /** The NATS servers. */
  readonly nats: NatsServers;
  readonly #folder: TestFolder;
  readonly #servers: P2pServer[] = [];
  readonly #replicas: number;

  private constructor(nats: NatsServers, folder: TestFolder, replicas: number) {
    this.nats = nats;
    this.#folder = folder;
    this.#replicas = replicas;
  }

  /** Starts the NATS servers. */
  static async open(servers = 1): Promise<NatsNetwork> {
    const folder = new TestFolder();
    const path = folder.at("nats").pathname;
    return new NatsNetwork(await NatsServers.start({ servers, folder: path }), folder, servers);
  }

  async start(options: P2pServerOptions = {}): Promise<P2pServer> {
    const { urls: servers } = this.nats;
    const engine = await NatsEngine.connect({ servers, network: "test", replicas: this.#replicas });
    const server = await P2pServer.listen({ engine, ...options });
    this.#servers.push(server);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
    await this.nats.close();
    this.#folder[Symbol.dispose]();
  }
}

/** Waits until servers have found each other. */
export async function found(...servers: P2pServer[]): Promise<void> {
  const most = servers.length - 1;
  await eventually(
    "the servers find each other",
    () => servers.every((server) => server.peers().length === most),
  );
}

/** Defines a test of a guarantee for both kinds of network. */
export function guaranteeTest(name: string, fn: (network: TestNetwork) => Promise<void>): void {
  Deno.test({
    name: `${name} (mesh)`,
    ignore: ignoreUnless.run || ignoreUnless.write,
    sanitizeOps: true,
    sanitizeResources: true,
    sanitizeExit: true,
    fn: async () => {
      await using network = new MeshNetwork();
      await fn(network);
    },
  });
  natsTest(name, async () => {
    await using network = await NatsNetwork.open();
    await fn(network);
  });
}
