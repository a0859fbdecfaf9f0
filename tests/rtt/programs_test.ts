import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ErrorCode, FrameType, NetlabError, writeError } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { RttServer } from "@netlab/rtt/server";
import { LegacyClient, LegacyServer } from "../legacy.ts";
import { freePort, freePorts, Process } from "../processes.ts";
import { eventually, nextMessage, processTest as test, SilentServer } from "../p2p/network.ts";
import { DelayProxy } from "./delay_proxy.ts";
import { answerQuestion, OddServer } from "./odd_server.ts";

const SERVER = "rtt/server.ts";
const CLIENT = "rtt/client.ts";

/** Starts a server as a user would, and waits until it listens. */
async function startServer(port: number, peer: number): Promise<Process> {
  const args = ["--port", `${port}`, "--peer", `127.0.0.1:${peer}`, "--json"];
  const server = Process.start(SERVER, args);
  await server.waitFor('"event":"listening"');
  return server;
}

function startClient(name: string, ...servers: string[]): Process {
  return Process.start(CLIENT, ["--name", name, ...servers], { stdin: "piped" });
}

test("rtt programs measure, choose, and carry messages", async () => {
  const start = performance.now();
  const [one, two] = freePorts(2) as [number, number];
  await using first = await startServer(one, two);
  await using second = await startServer(two, one);
  await first.waitFor('"event":"link.up"');
  await second.waitFor('"event":"link.up"');
  for (const [server, other] of [[first, two], [second, one]] as const) {
    const record = JSON.parse(await server.waitFor('"event":"link.measured"'));
    assertEquals(record.address, `127.0.0.1:${other}`);
    assert(record.rttMs > 0 && record.rttMs < performance.now() - start, `${record.rttMs} ms`);
  }
  const nowhere = `127.0.0.1:${freePort()}`;
  await using alice = startClient("Alice", nowhere, `127.0.0.1:${one}`);
  const connected = await alice.waitFor(/^Connected to best server on port \d+$/);
  const lines = [...alice.stdout];
  const measured = lines.flatMap((line) => {
    const match = /^Server (127\.0\.0\.1:\d+): RTT ((\d+\.\d{6}) seconds \(\S+ ms\))$/.exec(line);
    return match ? [{ server: match[1]!, rtt: match[2]!, seconds: match[3]! }] : [];
  });
  assertEquals(
    measured.map(({ server }) => server).sort(),
    [`127.0.0.1:${one}`, `127.0.0.1:${two}`].sort(),
    lines.join("\n"),
  );
  // Seconds, not milliseconds.
  const upMs = performance.now() - start;
  assert(measured.every(({ seconds }) => Number(seconds) > 0 && Number(seconds) * 1_000 < upMs));
  const port = connected.split(" ").at(-1)!;
  assertEquals(lines[0], `Server ${nowhere}: not measured (connection refused)`);
  const best = measured.find(({ server }) => server === `127.0.0.1:${port}`)!;
  assertEquals(lines.slice(-2), [
    `Best server: ${best.server} with RTT ${best.rtt}`,
    connected,
  ]);
  // On a machine that is busy enough, they need not be equally fast.
  const ties = lines.slice(3, -2);
  assert(ties.length <= 1);
  for (const tie of ties) {
    assertMatch(tie, new RegExp(`^\\d+ and \\d+ are equally fast; ${port} was picked at random$`));
  }

  await using bob = await P2pClient.connect({ name: "Bob", servers: [`127.0.0.1:${two}`] });
  await eventually("Bob sees Alice", async () => (await bob.users()).includes("Alice"));
  await bob.send("Alice", "Hello");
  await alice.waitFor("Bob: Hello");
  await alice.write("Bob and back\n");
  assertEquals((await nextMessage(bob)).text, "and back");
  await alice.write("/rtt\n");
  await alice.waitFor(/^ +server +now +low +mean +p95 +loss +users +lately$/);
  await alice.waitFor(new RegExp(`^▸ +${port} +\\d+\\.\\d+ `));
  await alice.waitFor(/^[\d:]{8} {2}(chose|kept) \d+: /);

  // Her server dies: the other one is the best now.
  const [dies, other] = port === `${one}` ? [first, two] : [second, one];
  if (dies === second) await bob.moveTo(`127.0.0.1:${one}`);
  dies.kill("SIGKILL");
  await alice.waitForError("looking for another server");
  await alice.waitFor(
    new RegExp(`^left ${port} \\(.+\\) for ${other}: it is the only server that answers$`),
  );
  await alice.write("Bob after all that\n");
  assertEquals((await nextMessage(bob)).text, "after all that");
  await alice.endInput();
  assertEquals((await alice.finished()).code, 0);
  const left = dies === first ? second : first;
  left.kill("SIGTERM");
  assertEquals((await left.finished()).code, 0);
});

test("rtt client program without any server says so in one line, with exit code 1", async () => {
  const servers = freePorts(2).map((port) => `127.0.0.1:${port}`);
  await using client = startClient("Alice", ...servers);
  const { code, stdout, stderr } = await client.finished();
  assertEquals(code, 1);
  assertEquals(
    stdout.toSorted(),
    servers.map((server) => `Server ${server}: not measured (connection refused)`).sort(),
  );
  assertEquals(stderr.length, 1);
  assertMatch(stderr[0]!, /^error: Cannot choose a server: none of .* answers; start one first$/);
  for (const server of servers) assertStringIncludes(stderr[0]!, server);
});

test("rtt client program measures a legacy server, takes part there, and watches it", async () => {
  await using old = new LegacyServer({ echoes: true });
  await using alice = startClient("Alice", old.address);
  await alice.waitFor(`Connected to best server on port ${old.port}`);
  const [measured, ...rest] = alice.stdout;
  const [, rtt] = new RegExp(`^Server ${old.address}: RTT (0\\.\\d{6} seconds \\(\\S+ ms\\))$`)
    .exec(
      measured!,
    )!;
  assertEquals(rest, [
    `Best server: ${old.address} with RTT ${rtt}`,
    `Connected to best server on port ${old.port}`,
  ]);
  await using bob = await LegacyClient.connect("Bob", old);
  await alice.write("Bob Hello\n");
  await bob.sees("Alice: Hello");
  await alice.endInput();
  assertEquals((await alice.finished()).code, 0);

  await using watching = Process.start(CLIENT, ["--watch", "--every", "0.05", old.address]);
  for (let round = 0; round < 3; round++) {
    await watching.waitFor(new RegExp(`\\*${old.port} \\d+\\.\\d+ ms  (chose|kept) ${old.port}: `));
  }
  watching.kill("SIGTERM");
  assertEquals((await watching.finished()).code, 0);
});

test("rtt client program names the best server that accepts the user, and says when another was better", async () => {
  await using full = new OddServer({
    frame(party, frame) {
      if (answerQuestion(party, frame)) return;
      if (frame.type === FrameType.Echo) party.out.forward(frame, 0);
      else {
        writeError(party.out, new NetlabError(ErrorCode.ServerClosing, "Cannot do it: full"));
      }
    },
  });
  await using proxy = new DelayProxy(40);
  await using server = await RttServer.listen({ advertise: proxy.address });
  proxy.target = server.port;
  await using alice = startClient("Alice", full.address, proxy.address);
  await alice.waitFor(/^Connected to best server on port/);
  const [nearest, far, ...lines] = alice.stdout;
  assertMatch(
    nearest!,
    new RegExp(`^Server ${full.address}: RTT 0\\.0\\d+ seconds \\(\\S+ ms\\)$`),
  );
  const [, rtt] = new RegExp(`^Server ${proxy.address}: RTT (.+)$`).exec(far!)!;
  assertEquals(lines, [
    `Cannot connect to ${full.address}; using the next best server`,
    `Best server: ${proxy.address} with RTT ${rtt}`,
    `Connected to best server on port ${proxy.address.split(":")[1]}`,
  ]);
});

test("rtt client program in a pipe sends its input", async () => {
  await using server = await RttServer.listen();
  await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
  await using alice = startClient("Alice", server.address);
  await alice.write("Bob Hello\n");
  await alice.endInput();
  const { code, stderr } = await alice.finished();
  assertEquals([code, stderr], [0, []]);
  assertEquals((await nextMessage(bob)).text, "Hello");
});

for (const program of [SERVER, CLIENT]) {
  test(`${program} shows help and version quickly, without permissions`, async () => {
    const help = await Process.run(program, ["--help"], { permissions: [] });
    assertEquals([help.code, help.stderr], [0, []]);
    assertStringIncludes(help.stdout.join("\n"), "deno task rtt:");
    const version = await Process.run(program, ["--version"], { permissions: [] });
    assertMatch(version.stdout.join("\n"), /^netlab rtt (server|client) \d+\.\d+\.\d+$/);
  });
}

test("rtt client program stops at a signal while it waits for a server that never answers", async () => {
  await using server = new SilentServer();
  await using client = startClient("Alice", server.address);
  await eventually("it is connected", () => server.connections === 1);
  client.kill("SIGHUP");
  const { code, stderr } = await client.finished();
  assertEquals([code, stderr], [129, ["error: Stopped by SIGHUP before the work was finished"]]);

  await using watching = Process.start(CLIENT, ["--watch", server.address]);
  await eventually("it is connected", () => server.connections === 2);
  watching.kill("SIGQUIT");
  const ended = await watching.finished();
  assertEquals([ended.code, ended.stderr], [0, []]);
});

test("rtt client program watches without a user, one line per round", async () => {
  await using server = await RttServer.listen();
  const nowhere = `127.0.0.1:${freePort()}`;
  const servers = [server.address, nowhere];
  const names = servers.map((address) => address.split(":")[1]!);
  await using plain = Process.start(CLIENT, ["--watch", "--every", "0.05", names.join()]);
  await plain.waitFor(/chose \d+: it is the only server that answers$/);
  await plain.waitFor(
    new RegExp(
      `^\\d\\d:\\d\\d:\\d\\d  \\*${names[0]} \\d+\\.\\d\\d ms, ${
        names[1]
      } connection refused  kept ${names[0]}: no other server answers$`,
    ),
  );
  assertEquals(server.users(), []);
  plain.kill("SIGHUP");
  assertEquals((await plain.finished()).code, 0);

  const startedAt = Date.now();
  const start = performance.now();
  await using json = Process.start(CLIENT, ["--json", "--every", "0.05", ...servers]);
  const [first, second] = [1, 2].map(() => json.waitFor(/^\{/));
  const rounds = [JSON.parse(await first!), JSON.parse(await second!)];
  assertEquals(rounds.map(({ decision }) => decision), ["chose", "kept"]);
  for (const { time, using, line, servers } of rounds) {
    assert(Date.parse(time) >= startedAt && Date.parse(time) <= Date.now(), time);
    assertEquals(using, server.address);
    assertStringIncludes(line, names[0]!);
    const [up, down] = servers;
    assertEquals([up.server, up.loss, up.users, up.trouble], [server.address, 0, 0, undefined]);
    for (const ms of [up.nowMs, up.lowMs, up.meanMs, up.p95Ms]) {
      assert(ms > 0 && ms < performance.now() - start, `${ms} ms`);
    }
    assertEquals(down, {
      server: nowhere,
      nowMs: null,
      jitterMs: 0,
      loss: 0,
      trouble: "connection refused",
    });
  }
  json.kill("SIGINT");
  assertEquals((await json.finished()).code, 0);
});

test("rtt client program refuses invalid options for its choice", async () => {
  for (
    const [args, complaint] of [
      [["--policy", "best"], 'Option --policy: "best" is none of netlab, once, window, home'],
      [["--watch", "--name", "Alice"], "Options --name and --watch exclude each other"],
      [["--min-gain", "-1", "--watch"], "Option --min-gain"],
      [["--min-gain-percent", "101", "--watch"], "Option --min-gain-percent"],
    ] as const
  ) {
    const { code, stderr } = await Process.run(CLIENT, [...args]);
    assertEquals(code, 2);
    assertStringIncludes(stderr.join("\n"), complaint);
  }
});

test("rtt programs name the permission that they lack", async () => {
  for (
    const [program, args] of [
      [SERVER, ["--port", "5001"]],
      [CLIENT, ["--name", "Alice", "127.0.0.1:5001"]],
    ] as const
  ) {
    const { code, stderr } = await Process.run(program, [...args], { permissions: [] });
    assertEquals([code, stderr.length], [1, 1], stderr.join("\n"));
    assertStringIncludes(stderr[0]!, "add --allow-net=127.0.0.1:5001");
  }
});
