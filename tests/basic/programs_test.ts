import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { BasicServer } from "@netlab/basic";
import { DEFAULT_PORTS } from "@netlab/protocol";
import { LegacyBasicServer } from "../legacy.ts";
import { ScriptedServer } from "./sockets.ts";
import { freePort, freePorts, Process } from "../processes.ts";
import { processTest as test } from "../kinds.ts";

const SERVER = "basic/server.ts";
const CLIENT = "basic/client.ts";

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`basic server shows its siblings and ends with exit code 0 at ${signal}`, async () => {
    const port = freePort();
    await using server = Process.start(SERVER, ["--port", String(port)]);
    await server.waitFor(`Listening on 127.0.0.1:${port}`);
    await server.waitFor("Ready");
    assertMatch(server.stdout[2]!, /^Server +Answered +Time$/);
    for (const sibling of DEFAULT_PORTS) {
      const row = await server.waitFor(`127.0.0.1:${sibling}`);
      assertMatch(row, /^127\.0\.0\.1:\d+ +(yes|no: \S.*) +\d+\.\d ms$/);
    }
    server.kill(signal);
    assertEquals(await server.finished(), {
      code: 0,
      signal: null,
      stdout: [...server.stdout],
      stderr: [],
    });
  });
}

test("basic server takes the first free default port, and greets the servers before it", async () => {
  await using first = Process.start(SERVER);
  const [, port] = /:(\d+)$/.exec(await first.waitFor(/^Listening on 127\.0\.0\.1:500[1-5]$/))!;
  await using second = Process.start(SERVER);
  const line = await second.waitFor(/^Listening on 127\.0\.0\.1:500[1-5]$/);
  assertNotEquals(line, `Listening on 127.0.0.1:${port}`);
  assertMatch(await second.waitFor(`127.0.0.1:${port} `), / yes /);
  await second.waitFor("Ready");
  const rows = second.stdout.filter((each) => each.startsWith("127.0.0.1:"));
  assertEquals(rows.length, 4);
});

test("basic server runs several servers in one process", async () => {
  const ports = freePorts(3);
  await using server = Process.start(SERVER, ["--ports", ports.join(",")]);
  await server.waitFor("Ready");
  const { code, stdout } = await Process.run(CLIENT, [
    "--json",
    ...ports.map((port) => `127.0.0.1:${port}`),
  ]);
  assertEquals(code, 0);
  assertEquals(
    stdout.map((line) => JSON.parse(line)).map(({ address, answered }) => [address, answered]),
    ports.map((port) => [`127.0.0.1:${port}`, true]),
  );
});

test("basic server finds its port by index", async () => {
  await using server = Process.start(SERVER, ["--index", "4"]);
  // The port may be in use. Either line shows that the server tried port 5005.
  const asked = await Promise.any([
    server.waitFor("Listening on 127.0.0.1:5005"),
    server.waitForError("Cannot listen on 127.0.0.1:5005: the address is in use"),
  ]);
  assert(asked);
});

test("basic server says in one line that its port is in use", async () => {
  await using other = await BasicServer.listen({ port: 0 });
  const { code, stdout, stderr } = await Process.run(SERVER, ["--port", String(other.port)]);
  assertEquals({ code, stdout }, { code: 1, stdout: [] });
  assertEquals(stderr, [
    `error: Cannot listen on 127.0.0.1:${other.port}: the address is in use; ` +
    "choose another port, or end the program that listens there",
  ]);
});

test("basic server says in one line that a host is not its own", async () => {
  const { code, stderr } = await Process.run(SERVER, ["--host", "192.0.2.1", "--port", "0"], {
    permissions: ["--allow-net=192.0.2.1"],
  });
  assertEquals(code, 1);
  assertEquals(stderr, [
    "error: Cannot listen on 192.0.2.1:0: this machine does not have that address; " +
    "choose another host, such as 127.0.0.1",
  ]);
});

for (
  const [program, args] of [[SERVER, ["--port", "5001"]], [CLIENT, ["127.0.0.1:5001"]]] as const
) {
  test(`${program} names the permission that it lacks`, async () => {
    const { code, stdout, stderr } = await Process.run(program, [...args], { permissions: [] });
    assertEquals({ code, stdout }, { code: 1, stdout: [] });
    assertEquals(stderr.length, 1, stderr.join("\n"));
    assertStringIncludes(stderr[0]!, "add --allow-net=127.0.0.1:5001");
  });

  test(`${program} has help and a version that need no permission`, async () => {
    const help = await Process.run(program, ["--help"], { permissions: [] });
    assertEquals({ code: help.code, stderr: help.stderr }, { code: 0, stderr: [] });
    assertEquals(help.stdout.filter((line) => line.length > 80), []);
    for (const part of ["Usage:", "--help", "--version", "Examples:", "deno task basic:"]) {
      assertStringIncludes(help.stdout.join("\n"), part);
    }
    const version = await Process.run(program, ["--version"], { permissions: [] });
    assertEquals(version.code, 0);
    assertMatch(version.stdout.join("\n"), /^netlab basic (server|client) \d+\.\d+\.\d+$/);
  });
}

const wrong: [program: string, args: string[], message: string][] = [
  [SERVER, ["--prot", "1"], "Unknown option --prot: did you mean --port? (--help lists them all)"],
  [SERVER, ["--port", "70000"], 'Option --port: "70000" is not a port, a number from 0 to 65535'],
  [SERVER, ["--index", "5"], 'Option --index: "5" is not a whole number from 0 to 4'],
  [SERVER, ["5001"], 'Unexpected "5001": this program takes options only'],
  [
    SERVER,
    ["--port", "1", "--index", "1"],
    "Options --port, --index and --ports exclude each other",
  ],
  [
    CLIENT,
    ["127.0.0.1"],
    'Option --server: "127.0.0.1" must be HOST:PORT, or a port of this machine (1 to 65535)',
  ],
  [CLIENT, ["--every", "2"], "Option --every needs --watch"],
];
for (const [program, args, message] of wrong) {
  test(`${program} ${args.join(" ")} ends with exit code 2 and one line`, async () => {
    const { code, stdout, stderr } = await Process.run(program, args);
    assertEquals({ code, stdout, stderr }, { code: 2, stdout: [], stderr: [`error: ${message}`] });
  });
}

test("basic client shows who answered, and ends with 1 when a server did not", async () => {
  await using server = await BasicServer.listen({ port: 0 });
  const here = `127.0.0.1:${server.port}`;
  const nowhere = `127.0.0.1:${freePort()}`;

  const good = await Process.run(CLIENT, [here]);
  assertEquals(good.code, 0);
  assertMatch(good.stdout[1]!, new RegExp(`^${here} +yes +\\d+\\.\\d ms$`));

  const bad = await Process.run(CLIENT, ["--server", nowhere, here]);
  assertEquals({ code: bad.code, stderr: bad.stderr }, { code: 1, stderr: [] });
  assertMatch(bad.stdout[1]!, new RegExp(`^${nowhere} +no: connection refused +\\d+\\.\\d ms$`));
  assertMatch(bad.stdout[2]!, new RegExp(`^${here} +yes +\\d+\\.\\d ms$`));
});

test("basic client is answered by an original server", async () => {
  await using original = new LegacyBasicServer();
  const { code, stdout } = await Process.run(CLIENT, [`127.0.0.1:${original.address.port}`]);
  assertEquals(code, 0);
  assertMatch(stdout[1]!, / yes /);
});

test("basic client reads a port alone as a server of this machine", async () => {
  await using server = await BasicServer.listen({ port: 0 });
  const { code, stdout } = await Process.run(CLIENT, [String(server.port)]);
  assertMatch(stdout[1]!, new RegExp(`^127\\.0\\.0\\.1:${server.port} +yes `));
  assertEquals(code, 0);
});

test("basic client that a signal stops early ends with the exit code for the signal", async () => {
  for (const [signal, exitCode] of [["SIGINT", 130], ["SIGHUP", 129]] as const) {
    const greeted = Promise.withResolvers<void>();
    await using server = new ScriptedServer(async (socket) => {
      greeted.resolve();
      await socket.readAll();
    });
    await using client = Process.start(CLIENT, [String(server.address.port)]);
    await greeted.promise;
    client.kill(signal);
    const { code, stdout, stderr } = await client.finished();
    assertEquals([code, stdout], [exitCode, []]);
    assertEquals(stderr, [`error: Stopped by ${signal} before the work was finished`]);
  }
});

test("basic client without arguments greets the five default ports", async () => {
  const { stdout } = await Process.run(CLIENT, ["--json"]);
  assertEquals(
    stdout.map((line) => JSON.parse(line).address),
    DEFAULT_PORTS.map((port) => `127.0.0.1:${port}`),
  );
});

test("basic client prints JSON with the time, and with a reason when there was no answer", async () => {
  await using server = await BasicServer.listen({ port: 0 });
  const { code, stdout } = await Process.run(CLIENT, [
    "--json",
    `127.0.0.1:${server.port},127.0.0.1:${freePort()}`,
  ]);
  assertEquals(code, 1);
  const [good, bad] = stdout.map((line) => JSON.parse(line));
  assertEquals(Object.keys(good), ["time", "address", "answered", "ms"]);
  assertEquals(Object.keys(bad), ["time", "address", "answered", "ms", "reason"]);
  assertEquals(new Date(good.time).toISOString(), good.time);
});

test("basic client watches a server stop, and ends with 0 at a signal", async () => {
  const server = await BasicServer.listen({ port: 0 });
  await using client = Process.start(CLIENT, [
    "--watch",
    "--every",
    "0.05",
    `127.0.0.1:${server.port}`,
  ]);
  await client.waitFor(/ yes /);
  await client.waitFor(/ yes /);
  await server.close();
  await client.waitFor(/ no: connection refused /);
  client.kill("SIGHUP");
  assertEquals((await client.finished()).code, 0);
});
