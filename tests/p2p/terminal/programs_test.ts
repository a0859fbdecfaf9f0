import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { freePort, freePorts, Process } from "../../processes.ts";
import { assertTakesAtMost } from "../../timing.ts";
import { eventually, Inbox, nextMessage, processTest as test } from "../network.ts";
import {
  CLIENT,
  event,
  type Log,
  PERMISSIONS,
  SERVER,
  startClient,
  startServer,
} from "../programs.ts";

test("p2p programs carry messages between users on two servers, and log it", async () => {
  const [one, two] = freePorts(2) as [number, number];
  await using first = await startServer(one, two);
  await using second = await startServer(two, one);
  await event(first, "link.up", `127.0.0.1:${two}`);
  await event(second, "link.up", `127.0.0.1:${one}`);
  await using alice = startClient("Alice", one);
  await using bob = startClient("Bob", two);
  await event(first, "user.joined", "Alice");
  await event(second, "user.joined", "Bob");
  await alice.waitForError(`connected to 127.0.0.1:${one}`);

  await alice.write("/users\n");
  await alice.waitFor("Alice (you)");
  await eventually("Alice sees Bob", async () => {
    await alice.write("/users\n");
    await alice.waitFor("Alice (you)");
    return alice.stdout.includes("Bob");
  });
  await alice.write("Bob Hello, how are you?\n");
  await bob.waitFor("Alice: Hello, how are you?");
  await bob.write('"Alice" fine\n');
  await alice.waitFor("Bob: fine");
  await alice.write("/servers\n");
  await alice.waitFor(`127.0.0.1:${one} (yours)`);
  await alice.waitFor(`127.0.0.1:${two}`);
  await alice.write("/help\n");
  await alice.waitFor("/quit");

  await alice.write("/quit\n");
  assertEquals((await alice.finished()).code, 0);
  await event(first, "user.left", "Alice");
  await bob.endInput();
  assertEquals((await bob.finished()).code, 0);

  second.kill("SIGTERM");
  const ended = await second.finished();
  assertEquals([ended.code, ended.stderr], [0, []]);
  await event(second, "closing");
  await event(first, "link.down", `127.0.0.1:${two}`);
  for (const line of [...first.stdout, ...ended.stdout]) {
    const { time, level, message } = JSON.parse(line) as Log;
    assertEquals(new Date(time as string).toISOString(), time);
    assert(["info", "warn"].includes(level as string), line);
    assert(message, line);
  }
});

test("p2p client program in a pipe ends with 0 only if its messages were accepted", async () => {
  await using server = await P2pServer.listen({ limits: { maxMessages: 1 } });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
  await using good = startClient("Alice", server.port);
  await good.write("Bob one\nBob two\n\nBob three");
  await good.endInput();
  const { code, stdout, stderr } = await good.finished();
  assertEquals([code, stdout], [0, []]);
  assertEquals(stderr, [`connected to ${server.address}`]);
  const texts = [await nextMessage(bob), await nextMessage(bob), await nextMessage(bob)];
  assertEquals(texts.map(({ text }) => text), ["one", "two", "three"]);

  await using bad = startClient("Alice", server.port);
  await bad.write("Nobody Hello\nNobody Hello again\n");
  await bad.endInput();
  const failed = await bad.finished();
  assertEquals(failed.code, 1);
  assertStringIncludes(failed.stderr.join("\n"), "Nobody");
  assertEquals(failed.stdout, [], "standard output carries only messages and answers");

  for (const [line, complaint] of [["/nonsense\n", "/nonsense"], ["Bob\n", "Bob Hello"]]) {
    await using wrong = startClient("Alice", server.port);
    await wrong.write(line!);
    await wrong.endInput();
    const { code, stdout, stderr } = await wrong.finished();
    assertEquals([code, stdout], [1, []]);
    assertStringIncludes(stderr.join("\n"), complaint!);
  }
});

test("p2p programs read a port alone as an address of this machine, in lists as well", async () => {
  const [one, two, nobody] = freePorts(3) as [number, number, number];
  const start = (port: number, ...peers: number[]) =>
    Process.start(SERVER, ["--port", `${port}`, "--peer", peers.join(), "--json"], {
      permissions: PERMISSIONS,
    });
  await using first = start(one, one);
  await event(first, "listening");
  await using second = start(two, nobody, one);
  await event(second, "link.up", `127.0.0.1:${one}`);
  await using alice = Process.start(CLIENT, ["--name", "Alice", "--server", `${nobody},${two}`], {
    stdin: "piped",
  });
  await alice.waitForError(`connected to 127.0.0.1:${two}`);
});

test("p2p server program reads a port alone as the address to advertise", async () => {
  const port = freePort();
  const args = [
    "--host",
    "0.0.0.0",
    "--port",
    "0",
    "--advertise",
    `${port}`,
    "--open",
    "--peer",
    `${port}`,
  ];
  await using server = Process.start(SERVER, args, { permissions: ["--allow-net"] });
  await server.waitFor(`advertised as 127.0.0.1:${port}`);
});

test("p2p client program says in one line that its name is taken, or that no server answers", async () => {
  await using server = await P2pServer.listen();
  await using _alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  await using second = startClient("Alice", server.port);
  const taken = await second.finished();
  assertEquals([taken.code, taken.stdout, taken.stderr.length], [1, [], 1]);
  assertMatch(taken.stderr[0]!, /^error: .*Alice.* taken/);

  const port = freePort();
  await using third = startClient("Bob", port);
  const nobody = await third.finished();
  assertEquals([nobody.code, nobody.stdout, nobody.stderr.length], [1, [], 1]);
  assertStringIncludes(nobody.stderr[0]!, `Cannot reach 127.0.0.1:${port}`);
});

test("p2p client program continues at another server when its own is killed", async () => {
  const [one, two, three] = freePorts(3) as [number, number, number];
  await using first = await startServer(one, two);
  await using second = await startServer(two, one);
  await using third = await startServer(three, one);
  for (const server of [first, second, third]) {
    await event(server, "link.up");
    await event(server, "link.up");
  }
  await using bob = await P2pClient.connect({ name: "Bob", servers: [`127.0.0.1:${two}`] });
  const inbox = new Inbox(bob);
  await using alice = startClient("Alice", three);
  await event(third, "user.joined", "Alice");
  await eventually("Bob sees Alice", async () => (await bob.users()).includes("Alice"));
  await alice.waitForError(`connected to 127.0.0.1:${three}`);
  await bob.send("Alice", "before");
  await alice.waitFor("Bob: before");
  // She must know the other servers before her own is gone.
  await alice.write("/servers\n");
  await alice.waitFor(`127.0.0.1:${two}`);

  third.kill("SIGKILL");
  await alice.write("Bob sent while the server was dead\n");
  await alice.waitForError("looking for another server");
  await alice.waitForError(/^connected to 127\.0\.0\.1:/);
  await eventually("the message has come", () => inbox.messages.length > 0);
  assertEquals(inbox.lines, ["Alice: sent while the server was dead"]);
  await bob.send("Alice", "after");
  await alice.waitFor("Bob: after");
  await event(first, "link.down", `127.0.0.1:${three}`);

  // The same server on the same port is one of them again.
  await using back = await startServer(three, one);
  await event(back, "link.up");
  await event(first, "link.up", `127.0.0.1:${three}`);
  await alice.endInput();
  assertEquals((await alice.finished()).code, 0);
});

test("p2p server program tells its users when it ends, and ends with exit code 0", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const port = freePort();
    await using server = await startServer(port, port);
    await using alice = startClient("Alice", port);
    await event(server, "user.joined", "Alice");
    server.kill(signal);
    const { code, stderr } = await server.finished();
    assertEquals([code, stderr], [0, []]);
    await alice.waitForError(`the server 127.0.0.1:${port} is closing`);
    alice.kill(signal);
    assertEquals((await alice.finished()).code, 0);
  }
});

test("p2p server program ends at once at the second signal", async () => {
  const port = freePort();
  await using server = await startServer(port, port);
  // A user who does not end its half makes the server wait for a second.
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode("\x02\x01\0\x04\0\0Slow"));
  await event(server, "user.joined", "Slow");
  server.kill("SIGINT");
  await event(server, "closing");
  const again = setInterval(() => server.kill("SIGINT"), 50);
  assertEquals((await server.finished()).code, 130);
  clearInterval(again);
  conn.close();
});

test("p2p server program counts two signals at the same time as one", async () => {
  const port = freePort();
  await using server = await startServer(port, port);
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode("\x02\x01\0\x04\0\0Slow"));
  await event(server, "user.joined", "Slow");
  server.kill("SIGINT");
  server.kill("SIGTERM");
  assertEquals((await server.finished()).code, 0);
  conn.close();
});

test("p2p server program says in one line why it cannot listen", async () => {
  await using other = await P2pServer.listen();
  const inUse = await Process.run(SERVER, ["--port", `${other.port}`]);
  assertEquals([inUse.code, inUse.stdout], [1, []]);
  assertEquals(inUse.stderr, [
    `error: Cannot listen on ${other.address}: the address is in use; ` +
    "choose another port, or end the program that listens there",
  ]);
  const host = await Process.run(SERVER, ["--host", "192.0.2.1", "--port", "0"], {
    permissions: ["--allow-net=192.0.2.1"],
  });
  assertEquals([host.code, host.stdout], [1, []]);
  assertEquals(host.stderr, [
    "error: Cannot listen on 192.0.2.1:0: this machine does not have that address; " +
    "choose another host, such as 127.0.0.1",
  ]);
});

for (
  const [program, args] of [
    [SERVER, ["--port", "5001"]],
    [CLIENT, ["--name", "Alice", "127.0.0.1:5001"]],
  ] as const
) {
  test(`${program} names the permission that it lacks`, async () => {
    const { code, stdout, stderr } = await Process.run(program, [...args], { permissions: [] });
    assertEquals([code, stdout, stderr.length], [1, [], 1], stderr.join("\n"));
    assertStringIncludes(stderr[0]!, "add --allow-net=127.0.0.1:5001");
  });

  test(`${program} shows help and version quickly, without permissions`, async () => {
    const help = await Process.run(program, ["--help"], { permissions: [] });
    assertEquals([help.code, help.stderr], [0, []]);
    assertEquals(help.stdout.filter((line) => line.length > 80), []);
    for (const part of ["Usage:", "--version", "Examples:", "deno task p2p:"]) {
      assertStringIncludes(help.stdout.join("\n"), part);
    }
    const run = (program: string, ...args: string[]) =>
      Process.run(program, args, { permissions: [] });
    const version = await run(program, "--version");
    assertEquals(version.code, 0);
    assertMatch(version.stdout.join("\n"), /^netlab p2p (server|client) \d+\.\d+\.\d+$/);
    // What Deno itself takes to run a module on this machine is the control.
    await assertTakesAtMost(
      10,
      `${program} --version`,
      () => run(program, "--version"),
      () => run("protocol/codec/names/address.ts"),
    );
  });
}

const wrong: [program: string, args: string[], message: string][] = [
  [SERVER, ["--prot", "1"], "Unknown option --prot: did you mean --port? (--help lists them all)"],
  [SERVER, ["--port", "1", "--index", "1"], "Options --port and --index exclude each other"],
  [SERVER, ["--index", "5"], 'Option --index: "5" is not a whole number from 0 to 4'],
  [
    SERVER,
    ["--peer", "there"],
    'Option --peer: "there" must be HOST:PORT, or a port of this machine (1 to 65535)',
  ],
  [
    SERVER,
    ["--host", "0.0.0.0"],
    "Option --host 0.0.0.0 requires --advertise HOST:PORT: the address at which others reach this server",
  ],
  [
    CLIENT,
    ["--nmae", "A"],
    "Unknown option --nmae: did you mean --name? (--help lists them all)",
  ],
  [CLIENT, [], "Option --name is required when standard input or output is not a terminal"],
  [
    CLIENT,
    ["--name", " Alice"],
    "Option --name: a name cannot be used when it begins or ends with a space",
  ],
];
for (
  const host of [
    "::",
    "0",
    "0x0",
    "0.0",
    "::0",
    "0:0:0:0:0:0:0:0",
    "::ffff:0.0.0.0",
    "000.0.0.0",
    "[::]",
  ]
) {
  const canonical = /^\[?::/.test(host) && !host.includes("f") || host.includes("0:0:0")
    ? "::"
    : "0.0.0.0";
  wrong.push([
    SERVER,
    ["--host", host],
    `Option --host ${canonical} requires --advertise HOST:PORT: the address at which others reach this server`,
  ]);
}
for (const address of ["0.0.0.0:5001", "0:5001", "[::]:5001", "[::ffff:0:0]:5001"]) {
  const canonical = address.includes("::]") ? "[::]:5001" : "0.0.0.0:5001";
  wrong.push([
    SERVER,
    ["--host", "0.0.0.0", "--advertise", address],
    `Option --advertise: others cannot connect to ${canonical}; name the address at which they reach this server`,
  ]);
}
for (const [program, args, message] of wrong) {
  test(`${program} ${args.join(" ")} ends with exit code 2 and one line`, async () => {
    const { code, stdout, stderr } = await Process.run(program, args);
    assertEquals({ code, stdout, stderr }, { code: 2, stdout: [], stderr: [`error: ${message}`] });
  });
}
