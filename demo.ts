/**
 * The demo: three messaging servers as processes of their own, a user on each, messages across and one
 * for somebody who comes later, one server killed and its user back on another. Ten seconds, narrated. Owns the story alone; everything
 * in it is what the programs and the library do anyway.
 *
 * @module
 */
import { bold, cyan, dim, green, print, runProgram, unlessAborted, yellow } from "@netlab/terminal";
import { Cluster, type ClusterServer } from "@netlab/lab";
import { P2pClient } from "@netlab/p2p/client";
import p2p from "./p2p/deno.json" with { type: "json" };

/** A pause long enough to read a line: milliseconds. */
const READING_MS = 1_200;
/** How long anything here may take before the demo is called failed: milliseconds. */
const PATIENCE_MS = 10_000;

const started = performance.now();

/** One step of the story, with the seconds since it began. */
function tell(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(4);
  print(`${dim(`${seconds}s`)}  ${line}`);
}

/** Aborts when the person has seen enough. */
let stop: AbortSignal;

const pause = () =>
  unlessAborted(new Promise<void>((resolve) => void setTimeout(resolve, READING_MS)), stop);

/** Waits for something that takes a moment, and fails when it takes too long. */
async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`The demo failed: ${what} took more than ${PATIENCE_MS / 1000} s`)),
    PATIENCE_MS,
  );
  return await unlessAborted(Promise.race([promise, late]), stop).finally(() =>
    clearTimeout(timer)
  );
}

/** A user who tells what comes in. */
async function join(name: string, server: ClusterServer): Promise<P2pClient> {
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
  const what = `a message from ${from.name} to ${to}`;
  const { delivered } = await within(what, from.send(to, text));
  await within(what, delivered);
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
}, async (_, signal) => {
  stop = signal;
  tell(bold("Three servers start, each a process of its own."));
  await using cluster = await unlessAborted(Cluster.start({ servers: 3, processes: true }), stop);
  await unlessAborted(cluster.linked(PATIENCE_MS), stop);
  const [one, two, three] = cluster.servers as [ClusterServer, ClusterServer, ClusterServer];
  for (const { address } of cluster.servers) {
    tell(`   ${cyan(address)} was told of the others, and is linked to both`);
  }
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

  tell(bold("Dave is not there. What is for him is kept until he comes."));
  const { delivered } = await within("keeping a message", alice.send("Dave", "Are you there?"));
  tell(`   ${dim("Alice to Dave: safe, waiting for Dave")}`);
  await pause();
  await using _dave = await join("Dave", three);
  await within("Dave's message", delivered);
  tell(`   ${dim("Alice to Dave: delivered, confirmed when Dave had it")}`);
  await pause();

  tell(bold(`The second server, ${cyan(two.address)}, is killed (kill -9).`));
  await two.kill();
  await within("Bob's coming back", moved.get("Bob")!);
  await pause();
  await write(alice, "Bob", "Are you still with us?");
  await write(bob, "Carol", `Yes, on ${bob.server} now.`);
  await pause();

  tell(bold("Everyone signs off, and the servers end."));
  return 0;
});
