/**
 * Runs real servers in processes, with the same users and the same churn as the simulation, and counts the bytes on
 * their links. Knows nothing of the simulation.
 *
 * @module
 */
import {
  DEFAULT_HOST,
  FrameWriter,
  Information,
  writeInformationRequest,
  writeSessionRegistration,
} from "@netlab/protocol";
import { askStatus } from "@netlab/p2p/client";
import { freePorts } from "../cluster/ports.ts";
import { Process } from "../cluster/process.ts";
import { pick, type Random, seeded } from "../random.ts";
import { CHANGES, CHURN_S, type ScalePlan, SETTLE_MS } from "./simulate_scale.ts";

/** What real servers did. */
export interface RealResult {
  /** The network: a full mesh. */
  readonly plan: ScalePlan;
  /** What each server sent to others in a second of churn: bytes. */
  readonly bytesPerSecond: number;
  /** The memory of a process, of which about 60 MB are Deno's own: bytes. */
  readonly memoryBytes: number;
}

/** How long servers may take to link, and to know all users: milliseconds. */
const DEADLINE_MS = 120_000;
const POLL_MS = 50;
/** Servers remove users who are silent for 45 s. Users say something at this interval: milliseconds. */
const ALIVE_EVERY_MS = 15_000;
/** The program of the servers, and what it is permitted. */
const PROGRAM = import.meta.resolve("../../p2p/server.ts");
const PERMISSIONS = [`--allow-net=${DEFAULT_HOST}`];

/**
 * Runs real servers, each told the addresses of all others.
 *
 * @throws {Error} When they do not agree within two minutes.
 * @throws {unknown} The reason of `stop`, when it aborts.
 */
export async function runRealServers(plan: ScalePlan, stop: AbortSignal): Promise<RealResult> {
  const ports = freePorts(plan.servers);
  const peers = ports.flatMap((port) => ["--peer", String(port)]);
  await using servers = new AsyncDisposableStack();
  for (const port of ports) {
    const args = ["--port", String(port), ...peers, "--json"];
    const server = servers.use(Process.start(PROGRAM, args, { permissions: PERMISSIONS }));
    await server.waitFor('"event":"listening"');
  }
  const addresses = ports.map((port) => `${DEFAULT_HOST}:${port}`);
  using users = new RealUsers(ports, plan.seed);
  for (let user = 0; user < plan.users; user++) await users.join(ports[user % ports.length]!);
  await untilAllKnow(addresses, plan.users, stop);
  await pause(SETTLE_MS, stop);
  const before = await totals(addresses, users);
  const ms = plan.seconds * 1_000;
  const changes = Math.round(plan.users * plan.seconds / CHURN_S);
  for (let change = 0; change < changes; change++) {
    await pause(before.at + ms * change / changes - performance.now(), stop);
    if (change % CHANGES === 0) await users.join();
    else if (change % CHANGES === 1) users.leave();
    else await users.move();
  }
  await pause(before.at + ms - performance.now(), stop);
  const after = await totals(addresses, users);
  const seconds = (after.at - before.at) / 1_000;
  return {
    plan,
    bytesPerSecond: (after.linkBytes - before.linkBytes) / seconds / plan.servers,
    memoryBytes: after.memoryBytes,
  };
}

/** Users of real servers, who read what they get and write to nobody. */
class RealUsers implements Disposable {
  /** What all users have written: bytes. */
  writtenBytes = 0;
  readonly #ports: readonly number[];
  readonly #random: Random;
  readonly #users: { name: string; key: string; conn: Deno.TcpConn }[] = [];
  readonly #timer = setInterval(() => this.#stayAlive(), ALIVE_EVERY_MS);
  #count = 0;

  constructor(ports: readonly number[], seed: number) {
    this.#ports = ports;
    this.#random = seeded(seed, 6);
  }

  /** Registers a new user at a server: by default at any. */
  async join(port: number = pick(this.#random, this.#ports)): Promise<void> {
    const name = `user ${++this.#count}`;
    const key = crypto.randomUUID();
    this.#users.push({ name, key, conn: await this.#register(port, name, key) });
  }

  /** Lets a random user leave. */
  leave(): void {
    const at = Math.floor(this.#random() * this.#users.length);
    this.#users.splice(at, 1)[0]!.conn.close();
  }

  /** Lets a random user move to another server, with its session. */
  async move(): Promise<void> {
    const user = pick(this.#random, this.#users);
    const before = user.conn;
    user.conn = await this.#register(pick(this.#random, this.#ports), user.name, user.key);
    before.close();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const { conn } of this.#users.splice(0)) conn.close();
  }

  #stayAlive(): void {
    const out = new FrameWriter();
    writeInformationRequest(out, Information.Capabilities);
    const bytes = out.take();
    for (const { conn } of this.#users) {
      this.writtenBytes += bytes.length;
      conn.write(bytes).catch(() => {});
    }
  }

  async #register(port: number, name: string, session: string): Promise<Deno.TcpConn> {
    const conn = await Deno.connect({ hostname: DEFAULT_HOST, port });
    const out = new FrameWriter();
    writeInformationRequest(out, Information.Capabilities);
    writeSessionRegistration(out, { session, name });
    const bytes = out.take();
    this.writtenBytes += bytes.length;
    await conn.write(bytes);
    const buffer = new Uint8Array(4_096);
    await conn.read(buffer);
    void readOn(conn, buffer);
    return conn;
  }
}

/** Reads what a server sends to a user, until either side closes the connection. */
async function readOn(conn: Deno.TcpConn, buffer: Uint8Array): Promise<void> {
  try {
    while (await conn.read(buffer) !== null);
  } catch {
    // The user has left.
  }
}

/** Returns what all servers have read of each other so far, and the mean memory of their processes. */
async function totals(addresses: readonly string[], users: RealUsers) {
  const all = await Promise.all(addresses.map((address) => askStatus(address)));
  const read = all.reduce((sum, { totals }) => sum + totals.bytesRead, 0);
  const memory = all.reduce((sum, { memory }) => sum + memory.rssBytes, 0);
  return {
    at: performance.now(),
    linkBytes: read - users.writtenBytes,
    memoryBytes: memory / all.length,
  };
}

/** Waits until every server has links to all others, and all users are registered. */
async function untilAllKnow(
  addresses: readonly string[],
  users: number,
  stop: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const all = await Promise.all(addresses.map((address) => askStatus(address)));
    const isLinked = all.every(({ links }) => links.length === addresses.length - 1);
    if (isLinked && all.reduce((sum, status) => sum + status.users, 0) === users) return;
    if (performance.now() > deadline) {
      throw new Error(
        `Cannot compare with real servers: they do not agree after ${DEADLINE_MS} ms`,
      );
    }
    await pause(POLL_MS, stop);
  }
}

async function pause(ms: number, stop: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
  stop.throwIfAborted();
}
