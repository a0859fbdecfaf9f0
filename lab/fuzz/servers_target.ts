/**
 * Fuzzes server processes through real sockets while two honest users write to each other. The server goes
 * on, prints no uncaught error, and gives its memory back. No message of the users is lost or repeated,
 * unless a stranger may pass for a server. At the end the server obeys SIGTERM.
 *
 * @module
 */
import { DEFAULT_HOST } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { freePorts } from "../cluster/ports.ts";
import { Process } from "../cluster/process.ts";
import { ResourceWatch } from "../cluster/resources.ts";
import { programOf } from "../cluster/server_start.ts";
import { between, seeded } from "../random.ts";
import { FrameSource } from "./frame_source.ts";
import type { Finding, FuzzTarget, Input, Round } from "./target.ts";

/** A system whose server can be fuzzed. */
export type FuzzedSystem = "basic" | "p2p" | "rtt";

/** How many strangers a round has, one after another on each of a few connections. */
const STRANGERS = 40;
/** How many frames each of them sends. */
const FRAMES_PER_STRANGER = 100;
/** How many of them are connected at a time. */
const TOGETHER = 4;
/** How many messages each honest user sends in a round. */
const MESSAGES = 5;
/** How long an honest user waits for a message: milliseconds. */
const ANSWER_MS = 10_000;
/** How long a server may take to stop: milliseconds. */
const STOP_MS = 10_000;
/** The interval at which its memory is looked at: milliseconds. */
const WATCH_MS = 250;
/** The most memory that a server may use after a round: bytes. An idle one uses about 30 MB. */
const MAX_MEMORY_BYTES = 200_000_000;

/** A server process. */
export class ServersTarget implements FuzzTarget {
  readonly #system: FuzzedSystem;
  readonly #port: number;
  readonly #others: readonly string[];
  #server: Process | undefined;
  /** Watches the memory of the server. `undefined` where the system does not show it. */
  #watch: ResourceWatch | undefined;

  /** Creates a target. The first round starts the server. */
  constructor(system: FuzzedSystem) {
    this.#system = system;
    const [port, ...others] = freePorts(3);
    this.#port = port!;
    this.#others = others.map((other) => `${DEFAULT_HOST}:${other}`);
  }

  async round(seed: number): Promise<Round> {
    const server = this.#server ??= await this.#start();
    const source = new FrameSource(seed, [this.#address, ...this.#others]);
    const random = seeded(seed, 3);
    const asServer = seed % 2 === 0;
    const inputs: Input[] = [];
    const stranger = async (connection: number) => {
      const bytes = [source.registration({ asServer })];
      while (bytes.length < FRAMES_PER_STRANGER) bytes.push(source.next({ asServer }));
      inputs.push(...bytes.map((bytes) => ({ connection, bytes })));
      await sendAll(this.#port, bytes, between(random, 1, 20));
    };
    let next = 0;
    const strangers = Array.from({ length: TOGETHER }, async () => {
      while (next < STRANGERS) await stranger(next++);
    });
    const [trouble] = await Promise.all([this.#honest(seed, asServer), ...strangers]);
    const memory = this.#watch?.of(server.pid).at(-1)?.memoryBytes ?? 0;
    const findings: Finding[] = [];
    const found = (what: string) =>
      findings.push({ what: `${this.#system} server: ${what}`, inputs });
    if (trouble) found(trouble);
    if (memory > MAX_MEMORY_BYTES) found(`it uses ${Math.round(memory / 1e6)} MB`);
    if (server.stderr.length > 0) found(`it printed ${server.stderr.slice(0, 20).join("\n")}`);
    if (findings.length > 0) await this[Symbol.asyncDispose]();
    return { frames: inputs.length, findings };
  }

  /** Ends the server. Throws an error if it does not obey SIGTERM. */
  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    await this.#watch?.[Symbol.asyncDispose]();
    server.kill("SIGTERM");
    try {
      const { code, stderr } = await server.finished(STOP_MS);
      if (code !== 0) throw new Error(`The ${this.#system} server ended with ${code}: ${stderr}`);
    } finally {
      await server[Symbol.asyncDispose]();
    }
  }

  get #address(): string {
    return `${DEFAULT_HOST}:${this.#port}`;
  }

  async #start(): Promise<Process> {
    const isBasic = this.#system === "basic";
    const server = Process.start(programOf(this.#system, "server"), [
      ...["--port", `${this.#port}`],
      ...isBasic ? [] : ["--peer", this.#address, "--json"],
    ]);
    await server.waitFor(/listening/i);
    if (Deno.build.os === "linux") this.#watch = await ResourceWatch.start([server.pid], WATCH_MS);
    return server;
  }

  /** Two users write to each other. Returns what went wrong. */
  async #honest(seed: number, asServer: boolean): Promise<string | undefined> {
    if (this.#system === "basic") return await greet(this.#port);
    const servers = [this.#address];
    try {
      await using alice = await P2pClient.connect({ name: `Alice-${seed}`, servers });
      await using bob = await P2pClient.connect({ name: `Bob-${seed}`, servers });
      const texts = Array.from({ length: MESSAGES }, (_, n) => `${n}`);
      const sending = [[alice, bob], [bob, alice]].map(async ([from, to]) => {
        for (const text of texts) await from!.send(to!.name, text);
      });
      const receiving = [alice, bob].map(async (user) => {
        const seen: string[] = [];
        for await (const { sender, text } of user) {
          if (sender !== alice.name && sender !== bob.name) continue;
          seen.push(text);
          if (seen.length === MESSAGES) break;
        }
        if (seen.join() !== texts.join()) throw new Error(`${user.name} has seen ${seen}`);
      });
      await inTime(Promise.all([...sending, ...receiving]));
      return undefined;
    } catch (error) {
      // Today, a stranger who passes for a server can also pass for its users.
      return asServer ? undefined : `honest users: ${error}`;
    }
  }
}

/** Opens a connection, sends all bytes in so many writes, and reads what comes back. */
async function sendAll(port: number, bytes: readonly Uint8Array[], writes: number): Promise<void> {
  const connection = await Deno.connect({ hostname: DEFAULT_HOST, port });
  const reading = connection.readable.pipeTo(new WritableStream()).catch(() => {});
  const writer = connection.writable.getWriter();
  const size = Math.ceil(bytes.length / writes);
  try {
    for (let at = 0; at < bytes.length; at += size) {
      for (const part of bytes.slice(at, at + size)) await writer.write(part.slice());
    }
    await writer.close();
  } catch {
    // The server has closed the connection.
  }
  await reading;
}

/** Asks a basic server. Returns what went wrong. */
async function greet(port: number): Promise<string | undefined> {
  using connection = await Deno.connect({ hostname: DEFAULT_HOST, port });
  await connection.write(new TextEncoder().encode("hello"));
  const bytes = new Uint8Array(16);
  const length = await inTime(connection.read(bytes));
  const answer = new TextDecoder().decode(bytes.subarray(0, length ?? 0));
  return answer === "world" ? undefined : `it answers ${JSON.stringify(answer)} to hello`;
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`nothing came in ${ANSWER_MS} ms`)), ANSWER_MS);
  return await Promise.race([work, promise]).finally(() => clearTimeout(timer));
}
