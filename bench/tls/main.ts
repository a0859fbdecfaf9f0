/**
 * `bench:tls`: measures what TLS costs netlab, beside nats-server if it is installed. One sender, one receiver, one
 * server on a core of its own. The program: its options, the measurement and its output.
 *
 * @module
 */
import { freePorts } from "@netlab/lab";
import { createCertificate } from "@netlab/p2p/certificate";
import { print, runProgram, table } from "@netlab/terminal";
import { median } from "simple-statistics";
import config from "../../p2p/deno.json" with { type: "json" };
import { canPin, outputOf, Program, ROOT } from "../peers/programs.ts";
import { PROTOCOLS } from "../peers/protocols/mod.ts";
import type { Exchange } from "../peers/protocols/protocol.ts";

const HOST = "127.0.0.1";
const SENDER = "Ann";
const RECEIVER = "Bob";
/** How much the sender writes at once: bytes. */
const WRITE_BYTES = 64 * 1024;
/** How many bytes of text may be on their way. */
const WINDOW_BYTES = 4 * 1024 * 1024;
/** How long a server may take to start, and a message to arrive: milliseconds. */
const WAIT_MS = 15_000;

/** The certificate of the servers. */
interface Files {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A server to measure. */
interface Contender {
  readonly name: string;
  readonly protocol: "netlab-batch" | "netlab-frames" | "nats";
  readonly tls: boolean;
  command(port: number, files: Files): string[];
}

const CONTENDERS: readonly Contender[] = [false, true].flatMap((tls) => [
  ...(["netlab-batch", "netlab-frames"] as const).map((protocol) => ({
    name: `netlab, ${protocol === "netlab-batch" ? "batches" : "frames"}`,
    protocol,
    tls,
    command: (port: number, { cert, key }: Files) => [
      ...[Deno.execPath(), "run", `--allow-net=${HOST}`, "--allow-read=./data", "p2p/server.ts"],
      ...["--port", `${port}`, "--peer", `${HOST}:${port}`],
      ...tls ? ["--tls-cert", cert, "--tls-key", key] : [],
    ],
  })),
  {
    name: "nats-server",
    protocol: "nats" as const,
    tls,
    command: (port: number, { cert, key }: Files) => [
      ...["nats-server", "-a", HOST, "-p", `${port}`],
      ...tls ? ["--tls", "--tlscert", cert, "--tlskey", key] : [],
    ],
  },
]);

/** A user of a server. */
class User implements Disposable {
  #conn: Deno.Conn;

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Connects, and joins. A NATS server says something before TLS begins. */
  static async join(
    { protocol, tls }: Contender,
    port: number,
    name: string,
    role: "sender" | "receiver",
    caCerts: string[],
  ): Promise<User> {
    const tcp = await connect(port);
    tcp.setNoDelay(true);
    const user = new User(tcp);
    const steps = [...PROTOCOLS[protocol].join(name, role)];
    if (tls && protocol === "nats") await user.#exchange(steps.shift()!);
    if (tls) user.#conn = await Deno.startTls(tcp, { hostname: HOST, caCerts });
    for (const step of steps) await user.#exchange(step);
    return user;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#conn.read(buffer);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  async #exchange({ send, answered }: Exchange): Promise<void> {
    await this.write(send);
    const buffer = new Uint8Array(64 * 1024);
    for (let length = 0; !answered(buffer.subarray(0, length));) {
      const count = await this.#conn.read(buffer.subarray(length));
      if (count === null) throw new Error("Cannot join: the server closed the connection");
      length += count;
    }
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

async function connect(port: number): Promise<Deno.TcpConn> {
  const late = performance.now() + WAIT_MS;
  for (;;) {
    try {
      return await Deno.connect({ hostname: HOST, port });
    } catch (error) {
      if (performance.now() > late) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Returns how many messages arrive in a second. */
async function measure(
  contender: Contender,
  files: Files,
  { size, ms, core }: { size: number; ms: number; core: number | undefined },
): Promise<number> {
  const port = freePorts(1)[0]!;
  await using _server = new Program(contender.command(port, files), core);
  const caCerts = [await Deno.readTextFile(`${ROOT}${files.ca}`)];
  const protocol = PROTOCOLS[contender.protocol];
  using receiver = await User.join(contender, port, RECEIVER, "receiver", caCerts);
  using sender = await User.join(contender, port, SENDER, "sender", caCerts);
  const talk = { sender: SENDER, receiver: RECEIVER, size };
  const batch = protocol.batch(talk, WRITE_BYTES, 4_096);
  const counter = protocol.deliveries!(talk);
  const window = Math.max(batch.messages, Math.floor(WINDOW_BYTES / size));
  const warmEnd = performance.now() + ms / 4;
  const end = warmEnd + ms;
  let [sent, arrived, counted] = [0, 0, 0];
  let wake = () => {};
  const receiving = (async () => {
    const buffer = new Uint8Array(512 * 1024);
    while (performance.now() < end) {
      const count = await receiver.read(buffer);
      if (count === null) throw new Error(`${contender.name} closed the connection`);
      const messages = counter.take(buffer, count);
      const reply = counter.reply?.();
      if (reply) await receiver.write(reply);
      arrived += messages;
      if (performance.now() >= warmEnd) counted += messages;
      wake();
    }
  })();
  const sending = (async () => {
    while (performance.now() < end - 20) {
      if (sent - arrived + batch.messages > window) {
        await new Promise<void>((resolve) => wake = resolve);
        continue;
      }
      await sender.write(batch.next(batch.messages));
      sent += batch.messages;
    }
    // The receiver looks at the clock when something arrives.
    while (performance.now() < end + 20) {
      await sender.write(batch.next(1));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  await Promise.all([receiving, sending]);
  return counted / (ms / 1_000);
}

await runProgram({
  name: "netlab bench:tls",
  summary:
    "Measures the throughput of ephemeral messages with and without TLS, beside nats-server if it " +
    "is installed. Linux only.",
  version: config.version,
  usage: "deno task bench:tls [options]",
  options: {
    rounds: {
      kind: "integer",
      min: 1,
      default: 5,
      help: "Number of rounds. The result is the median.",
    },
    seconds: { kind: "seconds", default: "2", help: "Length of one measurement." },
    size: {
      kind: "integer",
      min: 1,
      max: 60_000,
      default: 64,
      help: "Bytes of text in a message.",
    },
  },
  examples: [{ command: "deno task bench:tls --rounds 1", what: "A first look" }],
}, async ({ rounds, seconds, size }, stop) => {
  const hasNats = await outputOf("nats-server", "--version") !== undefined;
  const contenders = CONTENDERS.filter(({ protocol }) => hasNats || protocol !== "nats");
  const core = await canPin() ? 0 : undefined;
  await Deno.mkdir(`${ROOT}data`, { recursive: true });
  const dir = (await Deno.makeTempDir({ dir: `${ROOT}data`, prefix: "bench-tls-" }))
    .slice(ROOT.length);
  try {
    const files = await createCertificate({ hosts: [HOST], dir });
    const rates = contenders.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, contender] of contenders.entries()) {
        stop.throwIfAborted();
        rates[index]!.push(await measure(contender, files, { size, ms: seconds * 1_000, core }));
      }
    }
    const medians = rates.map(median);
    const right = (title: string) => ({ title, align: "right" as const });
    const rows = contenders.filter(({ tls }) => !tls).map((contender) => {
      const at = contenders.indexOf(contender);
      const other = contenders.findIndex(({ name, tls }) => tls && name === contender.name);
      return [
        contender.name,
        ...[medians[at]!, medians[other]!].map((rate) => Math.round(rate).toLocaleString("en")),
        `${Math.round(100 * medians[other]! / medians[at]!)} %`,
      ];
    });
    const titles = ["plain, messages/s", "TLS, messages/s", "TLS/plain"].map(right);
    for (const line of table([{ title: `${size} bytes` }, ...titles], rows)) print(line);
    if (!hasNats) print("nats-server is not installed, so there is nothing to compare with");
  } finally {
    await Deno.remove(`${ROOT}${dir}`, { recursive: true });
  }
});
