/**
 * The demo: three messaging servers as processes of their own, a user on each, messages across, one
 * server killed and its user back on another. Ten seconds, narrated. Owns the story alone; everything
 * in it is what the programs and the library do anyway.
 *
 * @module
 */
import { bold, cyan, dim, green, print, red, runProgram, yellow } from "@netlab/cli";
import { P2pClient } from "@netlab/p2p/client";
import p2p from "./p2p/deno.json" with { type: "json" };

/** A pause long enough to read a line: milliseconds. */
const READING_MS = 1_400;
/** How long anything here may take before the demo is called failed: milliseconds. */
const PATIENCE_MS = 10_000;

const started = performance.now();

/** One step of the story, with the seconds since it began. */
function tell(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(4);
  print(`${dim(`${seconds}s`)}  ${line}`);
}

const pause = () => new Promise((resolve) => setTimeout(resolve, READING_MS));

/** Waits for something that takes a moment, and fails when it takes too long. */
async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`The demo failed: ${what} took more than ${PATIENCE_MS / 1000} s`)),
    PATIENCE_MS,
  );
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Addresses of this machine on which nobody listens. */
function freeAddresses(count: number): string[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  return listeners.map((listener) => {
    listener.close();
    return `127.0.0.1:${listener.addr.port}`;
  });
}

/** A server process, and what it logs. */
class ServerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #events = new EventTarget();
  readonly #seen: Record<string, unknown>[] = [];
  readonly #reading: Promise<void>;

  private constructor(readonly address: string, peer: string) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-net=127.0.0.1",
        new URL("./p2p/server.ts", import.meta.url).href,
        "--port",
        address.split(":")[1]!,
        "--peer",
        peer,
        "--json",
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#reading = this.#read();
  }

  /** Starts a server at `address` that is told of one other. */
  static async start(address: string, peer: string): Promise<ServerProcess> {
    const server = new ServerProcess(address, peer);
    await within("starting a server", server.logged("listening"));
    return server;
  }

  /** Resolves when the server has logged that event `times` times. */
  async logged(event: string, times = 1): Promise<Record<string, unknown>> {
    for (;;) {
      const matching = this.#seen.filter((record) => record.event === event);
      if (matching.length >= times) return matching[times - 1]!;
      await new Promise((resolve) => this.#events.addEventListener("log", resolve, { once: true }));
    }
  }

  async kill(signal: Deno.Signal): Promise<void> {
    this.#child.kill(signal);
    await this.#child.status;
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.kill("SIGTERM");
    } catch {
      await this.#child.status; // it was killed before
    }
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      this.#seen.push(...lines.map((line) => JSON.parse(line)));
      this.#events.dispatchEvent(new Event("log"));
    }
  }
}

/** A user who tells what comes in. */
async function join(name: string, server: ServerProcess): Promise<P2pClient> {
  let back: () => void = () => {};
  const client = await within(
    `connecting ${name}`,
    P2pClient.connect({
      name,
      servers: [server.address],
      onStatus: (status) => {
        if (status.state === "reconnecting") {
          tell(`${bold(name)} lost the server and looks for another ${yellow("…")}`);
        } else if (status.state === "connected" && status.server !== server.address) {
          tell(`${bold(name)} is back, on ${cyan(status.server)}`);
          back();
        }
      },
    }),
  );
  moved.set(name, new Promise((resolve) => back = resolve));
  void (async () => {
    for await (const { sender, text } of client) {
      tell(`   ${bold(name)} reads  ${green(`${sender}: ${text}`)}`);
    }
  })();
  tell(`${bold(name)} registered on ${cyan(server.address)}`);
  return client;
}

/** When a user is back on another server. */
const moved = new Map<string, Promise<void>>();

/** Sends a message and shows that its delivery was confirmed. */
async function write(from: P2pClient, to: string, text: string): Promise<void> {
  const start = performance.now();
  await within(`a message from ${from.name} to ${to}`, from.send(to, text));
  const ms = (performance.now() - start).toFixed(1);
  tell(`   ${dim(`${from.name} to ${to}: delivered, confirmed after ${ms} ms`)}`);
}

await runProgram({
  name: "netlab demo",
  summary: "Three servers find each other, their users write to each other, one server is killed.",
  version: p2p.version,
  usage: "deno task demo",
  options: {},
  examples: [{ command: "deno task demo", what: "The whole story, in ten seconds" }],
}, async () => {
  tell(bold("Three servers start, each a process of its own."));
  const [first, second, third] = freeAddresses(3) as [string, string, string];
  await using one = await ServerProcess.start(first, second);
  await using two = await ServerProcess.start(second, first);
  await using three = await ServerProcess.start(third, first);
  const linked = Promise.all([one, two, three].map((server) => server.logged("link.up", 2)));
  await within("linking the servers", linked);
  tell(`   ${cyan(first)} was told of ${cyan(second)}, and found both others`);
  tell(`   ${cyan(second)} was told of ${cyan(first)}, and found both others`);
  tell(`   ${cyan(third)} was told of ${cyan(first)}, and found both others`);
  await pause();

  tell(bold("A user signs on at each of them."));
  await using alice = await join("Alice", one);
  await using bob = await join("Bob", two);
  await using carol = await join("Carol", three);
  await pause();

  tell(bold("They write to each other across the servers."));
  await write(alice, "Bob", "Hello Bob, which server are you on?");
  await write(bob, "Alice", `On ${bob.server}, and you?`);
  await write(carol, "Alice", "I see you both. ¿Qué tal? 你好!");
  await pause();

  tell(bold("Nobody has the name Dave; the sender is told."));
  await alice.send("Dave", "Are you there?").then(
    () => Promise.reject(new Error("The demo failed: somebody took a message for Dave")),
    (error) => tell(`   ${red(error.message)}`),
  );
  await pause();

  tell(bold(`The second server, ${cyan(two.address)}, is killed (kill -9).`));
  await two.kill("SIGKILL");
  await within("Bob's coming back", moved.get("Bob")!);
  await pause();
  await write(alice, "Bob", "Are you still with us?");
  await write(bob, "Carol", `Yes, on ${bob.server} now.`);
  await pause();

  tell(bold("Everyone signs off, and the servers with them."));
  return 0;
});
