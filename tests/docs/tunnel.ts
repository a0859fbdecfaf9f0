/**
 * A client behind a tunnel to another machine, whose servers listen on loopback addresses. On its own machine,
 * the same addresses lead to a server that has nothing to do with them.
 *
 * @module
 */
import { Machine } from "./machine.ts";

await using stack = new AsyncDisposableStack();
const [laptop, remote] = await Promise.all([Machine.start(), Machine.start()]);
stack.use(laptop);
stack.use(remote);
await Machine.connect([[laptop, "10.7.0.1"], [remote, "10.7.0.2"]]);
const servers = [];
for (const index of [0, 1]) {
  servers.push(remote.run(`deno task rtt:server --index ${index}`));
  await servers.at(-1)!.shows(/listening on/);
}
await servers[0]!.shows(/linked to 127.0.0.1:5002/);
const unrelated = laptop.run("deno task rtt:server --index 1 --verbose");
await unrelated.shows(/listening on/);

// The two halves of a tunnel, as those of `ssh -L 6001:127.0.0.1:5001`.
const forward = (target: string, port: number, host: string) =>
  `deno run -A lab/terminal/lab.ts proxy ${target} --port ${port} --host ${host}`;
await remote.run(forward("127.0.0.1:5001", 6000, "10.7.0.2")).shows(/6000/);
await laptop.run(forward("10.7.0.2:6000", 6001, "127.0.0.1")).shows(/6001/);

for (const system of ["p2p", "rtt"]) {
  const client = `deno task ${system}:client --name ${system} --server 6001`;
  const alice = laptop.run(`(echo "${system} note"; sleep 60) | ${client}`);
  await alice.shows(new RegExp(`^${system}: note$`));
  // It has heard of the second server by now, and has tried it, or tries it when the first one is gone.
  if (system === "rtt") {
    await alice.shows(/127\.0\.0\.1:5002 belongs to another network/);
    await remote[Symbol.asyncDispose]();
    await alice.shows(/reconnecting|lost|waiting|connection/i);
  }
}
if (unrelated.lines.some((line) => / joined$|linked to/.test(line))) {
  throw new Error(`The unrelated server has got users or links:\n${unrelated.lines.join("\n")}`);
}
