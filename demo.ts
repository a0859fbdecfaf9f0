/**
 * The demo: three messaging servers in processes of their own, with a user on each, messages between them, a
 * message for a user who joins later, and a server that is killed. It takes ten seconds. Owns only the script;
 * the programs and the library do everything shown.
 *
 * @module
 */
import { bold, cyan, dim, green, print, runProgram, unlessAborted, yellow } from "@netlab/terminal";
import { Cluster, type ClusterServer, withDeadline } from "@netlab/lab";
import { P2pClient } from "@netlab/p2p/client";
import p2p from "./p2p/deno.json" with { type: "json" };

/** A pause that is long enough to read a line: milliseconds. */
const READING_MS = 1_200;
/** How long a step may take before the demo fails: milliseconds. */
const STEP_MS = 10_000;

const started = performance.now();

/** Prints a line with the seconds since the demo began. */
function tell(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(4);
  print(`${dim(`${seconds}s`)}  ${line}`);
}

/** Aborts when the person stops the demo. */
let stop: AbortSignal;

const pause = () =>
  unlessAborted(new Promise<void>((resolve) => void setTimeout(resolve, READING_MS)), stop);

/** Waits for a promise, and fails when it takes too long. */
function within<T>(what: string, promise: Promise<T>): Promise<T> {
  return withDeadline(
    unlessAborted(promise, stop),
    STEP_MS,
    () => new Error(`The demo failed: ${what} took more than ${STEP_MS / 1000} s`),
  );
}

/** Connects a user, and prints the messages that the user receives. */
async function join(name: string, server: ClusterServer): Promise<P2pClient> {
  let back: () => void = () => {};
  const client = await within(
    `connecting ${name}`,
    P2pClient.connect({
      name,
      servers: [server.address],
      onStatus: (status) => {
        if (status.state === "reconnecting") {
          tell(`${bold(name)} lost the connection and looks for another server ${yellow("…")}`);
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

/** For each user: resolves when the user is back on another server. */
const moved = new Map<string, Promise<void>>();

/** Sends a message and prints when its delivery was confirmed. */
async function write(from: P2pClient, to: string, text: string): Promise<void> {
  const start = performance.now();
  const what = `a message from ${from.name} to ${to}`;
  const { delivered } = await within(what, from.send(to, text));
  await within(what, delivered);
  const ms = (performance.now() - start).toFixed(1);
  tell(`   ${dim(`${from.name} to ${to}: delivered, confirmed after ${ms} ms`)}`);
}

await runProgram({
  name: "netlab demo",
  summary:
    "Runs three servers that find each other. Their users exchange messages, and one server is killed.",
  version: p2p.version,
  usage: "deno task demo",
  options: {},
  examples: [{ command: "deno task demo", what: "Run the demo, which takes ten seconds" }],
}, async (_, signal) => {
  stop = signal;
  tell(bold("Three servers start, each a process of its own."));
  await using cluster = await unlessAborted(Cluster.start({ servers: 3, processes: true }), stop);
  await unlessAborted(cluster.linked(STEP_MS), stop);
  const [one, two, three] = cluster.servers as [ClusterServer, ClusterServer, ClusterServer];
  for (const { address } of cluster.servers) {
    tell(`   ${cyan(address)} is linked to both other servers`);
  }
  await pause();

  tell(bold("A user registers at each of them."));
  await using alice = await join("Alice", one);
  await using bob = await join("Bob", two);
  await using carol = await join("Carol", three);
  await pause();

  tell(bold("The users write to each other across the servers."));
  await write(alice, "Bob", "Hello Bob, which server are you on?");
  await write(bob, "Alice", `On ${bob.server}, and you?`);
  await write(carol, "Alice", "I see you both. ¿Qué tal? 你好!");
  await pause();

  tell(bold("Dave is absent. A message for him is stored until he joins."));
  const { delivered } = await within("storing a message", alice.send("Dave", "Are you there?"));
  tell(`   ${dim("Alice to Dave: stored, waiting for Dave")}`);
  await pause();
  await using _dave = await join("Dave", three);
  await within("Dave's message", delivered);
  tell(`   ${dim("Alice to Dave: delivered and confirmed")}`);
  await pause();

  tell(bold(`The second server, ${cyan(two.address)}, is killed (kill -9).`));
  await two.kill();
  await within("Bob's return", moved.get("Bob")!);
  await pause();
  await write(alice, "Bob", "Are you still with us?");
  await write(bob, "Carol", `Yes, on ${bob.server} now.`);
  await pause();

  tell(bold("All users sign off, and the servers close."));
  return 0;
});
