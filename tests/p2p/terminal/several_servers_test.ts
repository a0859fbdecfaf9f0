/**
 * One command that starts a server for each of several ports.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { P2pClient, P2pServer } from "@netlab/p2p";
import { nextMessage, onPort, processTest as test } from "../network.ts";
import { freePorts, Process } from "../../processes.ts";
import { event, PERMISSIONS, SERVER } from "../programs.ts";

/** Starts servers on ports, and waits until they are linked. */
async function start(ports: readonly number[], ...more: string[]): Promise<Process> {
  const args = ["--port", ports.join(","), "--peer", `${ports[0]}`, "--json", ...more];
  const servers = Process.start(SERVER, args, { permissions: PERMISSIONS });
  for (const port of ports) await event(servers, "listening", `127.0.0.1:${port}`);
  await event(servers, "link.up");
  return servers;
}

/** Whether nobody listens on a port. */
async function isFree(port: number): Promise<boolean> {
  await using server = await onPort(() => P2pServer.listen({ port }));
  return server.port === port;
}

test("a server program with two ports runs two linked servers, and one signal ends both", async () => {
  const ports = freePorts(2);
  await using servers = await start(ports);
  await using alice = await P2pClient.connect({
    name: "Alice",
    servers: [`127.0.0.1:${ports[0]}`],
  });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [`127.0.0.1:${ports[1]}`] });
  await alice.send("Bob", "Hello");
  assertEquals((await nextMessage(bob)).text, "Hello");
  const link = await event(servers, "link.up", `"port":${ports[1]}`);
  assertEquals(link.message, `${ports[1]}: linked to 127.0.0.1:${ports[0]}`);
  await Promise.all([alice.close(), bob.close()]);
  servers.kill("SIGTERM");
  assertEquals((await servers.finished()).code, 0);
  assert(await isFree(ports[0]!) && await isFree(ports[1]!));
});

test("servers of one program have folders of their own, and find their messages again", async () => {
  const ports = freePorts(2);
  const data = `data/several-${crypto.randomUUID()}`;
  try {
    for (const isFirst of [true, false]) {
      await using servers = await start(ports, "--data", data);
      await using client = await P2pClient.connect({
        name: isFirst ? "Alice" : "Bob",
        servers: [`127.0.0.1:${ports[1]}`],
      });
      if (isFirst) await client.send("Bob", "Hello");
      else assertEquals((await nextMessage(client)).text, "Hello");
      servers.kill("SIGKILL");
      await servers.finished();
    }
    assertEquals(
      [...Deno.readDirSync(data)].map(({ name }) => Number(name)).sort(),
      ports.toSorted(),
    );
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

test("a server program ends with status 1 when one of its servers fails, and its users move", async () => {
  const ports = freePorts(2);
  await using servers = Process.start(
    "tests/p2p/terminal/failing_server.ts",
    ["--port", ports.join(","), "--peer", `${ports[0]}`, "--json"],
    { permissions: PERMISSIONS },
  );
  await event(servers, "link.up");
  await using _alice = await P2pClient.connect({
    name: "Alice",
    servers: [`127.0.0.1:${ports[0]}`],
  });
  const { code, stdout } = await servers.finished();
  assertEquals(code, 1);
  assert(stdout.some((line) => line.includes("a planted failure; stopping all servers")));
  assert(await isFree(ports[1]!));
});

test("a server program with two ports says what keeps it from starting, and leaves no server", async () => {
  const ports = freePorts(2);
  await using _other = await onPort(() => P2pServer.listen({ port: ports[1]! }));
  const run = (args: string[], permissions = PERMISSIONS) =>
    Process.run(SERVER, args, { permissions });
  const taken = await run(["--port", ports.join(",")]);
  assertEquals(taken.code, 1);
  assertStringIncludes(
    taken.stderr[0]!,
    `Cannot listen on 127.0.0.1:${ports[1]}: the address is in`,
  );
  assert(await isFree(ports[0]!));
  const unreadable = await run(["--port", "0,0"], ["--allow-net=127.0.0.1"]);
  assertEquals(unreadable.code, 1);
  assertStringIncludes(unreadable.stderr[0]!, "add --allow-read=.");
  for (
    const [args, why] of [
      [["--port", "5001,5001"], "5001 is there twice"],
      [["--port", "5001,5002", "--advertise", "6001"], "1 addresses for 2 servers"],
      [["--port", "0,0", "--data", "data/one"], "fixed ports"],
      [["--port", "5001,5002", "--index", "0"], "exclude each other"],
    ] as const
  ) {
    const { code, stderr } = await run([...args]);
    assertEquals(code, 2);
    assertStringIncludes(stderr[0]!, why);
  }
});
