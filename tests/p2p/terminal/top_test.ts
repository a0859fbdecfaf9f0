/**
 * The program `top`, as a user starts it, with servers that are killed.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { freePorts, Process } from "../../processes.ts";
import { processTest } from "../network.ts";
import { startServer } from "../programs.ts";

const TOP = "p2p/top.ts";
const permissions = ["--allow-net=127.0.0.1,localhost", "--allow-read=./data"];

/** What is looked at of a round. */
interface Round {
  via: string;
  servers: { address: string; status?: { users: number } }[];
  users: { name: string }[];
}

processTest("top --json shows all servers, and goes on when its server is killed", async () => {
  const [a, b, c] = freePorts(3) as [number, number, number];
  await using first = await startServer(a, b);
  await using _second = await startServer(b, a);
  await using _third = await startServer(c, b);
  await using _bob = await P2pClient.connect({ name: "Bob", servers: [`127.0.0.1:${c}`] });
  const args = ["--json", "--interval", "0.2", `${a}`];
  await using top = Process.start(TOP, args, { permissions });
  const until = async (matches: (round: Round) => boolean) =>
    JSON.parse(await top.waitFor((line) => matches(JSON.parse(line)))) as Round;
  const seen = await until(({ servers, users }) => servers.length === 3 && users.length === 1);
  assertEquals(seen.via, `127.0.0.1:${a}`);
  const byUsers = seen.servers.map(({ address, status }) => [address, status?.users]);
  assertEquals(byUsers.find(([address]) => address === `127.0.0.1:${c}`)![1], 1);
  first.kill("SIGKILL");
  const after = await until(({ servers }) => servers.length === 2);
  assert(after.via !== seen.via);
  assert(after.servers.every(({ status }) => status !== undefined));
  top.kill("SIGTERM");
  assertEquals((await top.finished()).code, 0);
});

processTest("top in a pipe prints lines: events, and a summary of each round", async () => {
  const [a, b] = freePorts(2) as [number, number];
  await using _server = await startServer(a, b);
  await using top = Process.start(TOP, ["--interval", "0.2", `${a}`], { permissions });
  await top.waitFor((line) => line.endsWith(`${a} 0 users, 0/s in, 0/s out`));
  await using bob = await P2pClient.connect({ name: "Bob", servers: [`127.0.0.1:${a}`] });
  await top.waitFor((line) => line.endsWith(`${a}: Bob joined`));
  await top.waitFor((line) => line.includes(`${a} 1 user`));
  await bob.close();
  await top.waitFor((line) => line.endsWith(`${a}: Bob left`));
});

processTest("top without a server says so in one line", async () => {
  const [a] = freePorts(1) as [number];
  const { code, stdout, stderr } = await Process.run(TOP, [`${a}`], { permissions });
  assertEquals([code, stdout, stderr.length], [1, [], 1]);
  assertStringIncludes(stderr[0]!, `Cannot reach 127.0.0.1:${a}`);
  const help = await Process.run(TOP, ["--help"], { permissions: [] });
  for (const line of help.stdout) assert(line.length <= 80, line);
});
