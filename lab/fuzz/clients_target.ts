/**
 * Fuzzes client processes: a hostile server answers them with frames of the fuzzer. A client goes on or ends
 * with a sentence, but not with an uncaught error, and it obeys SIGTERM.
 *
 * @module
 */
import {
  Capability,
  DEFAULT_HOST,
  FrameWriter,
  Information,
  writeInformationResponse,
  writeSessionWelcome,
} from "@netlab/protocol";
import { Process } from "../cluster/process.ts";
import { programOf } from "../cluster/server_start.ts";
import { pick, type Random, randomUuid, seeded } from "../random.ts";
import { FrameSource } from "./frame_source.ts";
import type { FuzzedSystem } from "./servers_target.ts";
import type { Finding, FuzzTarget, Input, Round } from "./target.ts";

/** How many frames the server sends on each connection. */
const FRAMES = 100;
/** How long a client runs: milliseconds. */
const RUN_MS = 1_500;
/** How long a client may take to stop: milliseconds. */
const STOP_MS = 10_000;

/** The clients of one system, each round in a process of its own. */
export class ClientsTarget implements FuzzTarget {
  readonly #system: FuzzedSystem;

  /** Creates a target. */
  constructor(system: FuzzedSystem) {
    this.#system = system;
  }

  async round(seed: number): Promise<Round> {
    const server = new HostileServer(seed);
    const args = this.#system === "basic"
      ? [server.address]
      : ["--name", "Alice", "--server", server.address];
    await using client = Process.start(programOf(this.#system, "client"), args, { stdin: "piped" });
    await client.write("Bob Hello\n/users\n/servers\n".repeat(3));
    await Promise.race([client.ended, new Promise((resolve) => setTimeout(resolve, RUN_MS))]);
    client.kill("SIGTERM");
    const findings: Finding[] = [];
    const found = (what: string) =>
      findings.push({ what: `${this.#system} client: ${what}`, inputs: server.inputs });
    try {
      const { code, stderr } = await client.finished(STOP_MS);
      if (stderr.some((line) => /^error: Uncaught|stack|panicked/i.test(line))) {
        found(`it printed ${stderr.slice(0, 20).join("\n")}`);
      }
      if (![0, 1, 143].includes(code)) {
        found(`it ended with ${code}: ${stderr.slice(0, 20).join("\n")}`);
      }
    } catch (error) {
      found(`it does not stop: ${error}`);
    }
    await server.close();
    return { frames: server.inputs.length, findings };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** A server that answers a client with correct beginnings and then with the frames of the fuzzer. */
class HostileServer {
  readonly address: string;
  readonly inputs: Input[] = [];
  readonly #listener = Deno.listen({ hostname: DEFAULT_HOST, port: 0 });
  readonly #random: Random;
  readonly #source: FrameSource;
  readonly #open = new Set<Deno.Conn>();
  readonly #serving: Promise<void>;
  #count = 0;

  constructor(seed: number) {
    this.address = `${DEFAULT_HOST}:${this.#listener.addr.port}`;
    this.#random = seeded(seed, 4);
    this.#source = new FrameSource(seed, [this.address, `${DEFAULT_HOST}:1`]);
    this.#serving = this.#accept();
  }

  async close(): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) {
      try {
        connection.close();
      } catch {
        // The client has closed it.
      }
    }
    await this.#serving;
  }

  async #accept(): Promise<void> {
    const serving: Promise<void>[] = [];
    try {
      for await (const connection of this.#listener) {
        this.#open.add(connection);
        serving.push(this.#serve(connection, this.#count++).catch(() => {}));
      }
    } catch {
      // The listener was closed.
    }
    await Promise.all(serving);
  }

  async #serve(connection: Deno.Conn, number: number): Promise<void> {
    const send = async (bytes: Uint8Array) => {
      this.inputs.push({ connection: number, bytes });
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    };
    const answers = [capabilities(), welcome(this.#random, this.address)];
    const bytes = new Uint8Array(16_384);
    for (let reads = 0; await connection.read(bytes) !== null; reads++) {
      if (this.#random() < 0.9 && reads < answers.length) await send(answers[reads]!);
      else for (let n = 0; n < FRAMES; n++) await send(this.#source.next());
      if (this.#random() < 0.05) return connection.close();
    }
  }
}

function capabilities(): Uint8Array {
  const out = new FrameWriter();
  writeInformationResponse(out, Information.Capabilities, Object.values(Capability));
  return out.take();
}

function welcome(random: Random, address: string): Uint8Array {
  const out = new FrameWriter();
  const name = pick(random, ["Alice", "Mallory"]);
  writeSessionWelcome(out, { server: randomUuid(random), address, name });
  return out.take();
}
