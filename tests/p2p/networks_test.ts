/**
 * Clients stay in the network of their first server, and servers find their network again.
 *
 * A remote network behind a tunnel is imitated on one machine: its second server says that it is reached at a
 * loopback address that leads to an unrelated server here.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { FaultProxy } from "@netlab/lab";
import { type ClientStatus, P2pClient, P2pServer } from "@netlab/p2p";
import { HomeNetwork } from "@netlab/p2p/client";
import { RttClient } from "@netlab/rtt/client";
import { RttServer } from "@netlab/rtt/server";
import { localAddress } from "../../p2p/server/sockets/sockets.ts";
import { pureTest } from "../kinds.ts";
import { TestFolder } from "../folders.ts";
import { LegacyServer } from "../legacy.ts";
import { freePort, freePorts, Process } from "../processes.ts";
import {
  assertFails,
  eventually,
  onPort,
  processTest,
  ScriptedServer,
  socketTest as test,
  storageTest,
} from "./network.ts";
import { CLIENT, event, PERMISSIONS, SERVER, startServer } from "./programs.ts";

const SYSTEMS = [
  ["p2p", P2pServer, P2pClient.connect],
  ["rtt", RttServer, RttClient.connect],
] as const;

/** What may run where the remote network says that its second server is. */
const UNRELATED = {
  "a server without a network name": (port: number) => RttServer.listen({ port }),
  "a server with a network name": (port: number) => RttServer.listen({ port, network: "other" }),
  "a legacy server": (port: number) => Promise.resolve(new LegacyServer({ port, echoes: true })),
};

type Unrelated = RttServer | LegacyServer;

for (const [system, Server, connect] of SYSTEMS) {
  for (const [what, start] of Object.entries(UNRELATED)) {
    for (const end of ["drain", "close"] as const) {
      test(`${system} client behind a tunnel does not move to ${what} on its own machine (${end})`, async () => {
        const [port, nowhere] = freePorts(2) as [number, number];
        await using unrelated = await onPort<Unrelated>(() => start(port));
        // Without the tunnel, nobody here reaches it.
        const advertise = `127.0.0.1:${nowhere}`;
        await using first = await Server.listen({ advertise });
        const remote = `127.0.0.1:${first.port}`;
        await using _second = await Server.listen({
          advertise: unrelated.address,
          peers: [remote],
        });
        await eventually("they are linked", () => first.peers().length === 1);
        const { port: remotePort } = first;
        await using tunnel = await FaultProxy.start({ target: remote });
        const states: ClientStatus[] = [];
        const others: string[] = [];
        await using alice = await connect({
          name: "Alice",
          servers: [tunnel.address],
          onStatus: (status) => states.push(status),
          onOtherNetwork: (server) => others.push(server),
          roundMs: 200,
        });
        await eventually(
          "she knows the address",
          () => alice.knownServers.includes(unrelated.address),
        );
        const ending = first[end]();
        await eventually("she has tried the other one", () => others.length === 1);
        await first.close();
        await ending;
        await eventually(
          "she has lost her server",
          () => states.some(({ state }) => state === "reconnecting"),
        );
        // The server behind the tunnel starts again, with a new network, and she is back.
        await using _again = await onPort<AsyncDisposable>(() =>
          Server.listen({ port: remotePort, advertise })
        );
        await eventually("she is back", () => states.at(-1)!.state === "connected");
        assertEquals(alice.server, tunnel.address);
        assertEquals(others, [unrelated.address], "she says so once");
        if (unrelated instanceof LegacyServer) assertEquals([...unrelated.users.keys()], []);
        else {
          assertEquals(unrelated.users(), []);
          await assertFails(alice.moveTo(unrelated.address), ErrorCode.OtherNetwork);
        }
      });
    }
  }
}

pureTest("client's network follows a merger, and a restart, at addresses that it knows", () => {
  const [older, newer, unrelated] = [1, 2, 3].map((n) => `0198a000-0000-7000-8000-00000000000${n}`);
  const others: string[] = [];
  const home = new HomeNetwork(undefined, ["a:1", "b:1"], (server) => others.push(server));
  assert(home.admits("a:1", newer));
  home.found(newer);
  home.check("a:1", newer);
  // Between measuring and registering, the network becomes part of an older one.
  home.check("a:1", older);
  home.enter("a:1", older);
  home.check("learned:1", older);
  for (const server of ["b:1", "other:1", "other:1"]) {
    assertThrows(() => home.check(server, unrelated), NetlabError, "another network");
  }
  assertEquals(others, ["b:1", "other:1"]);
  assert(home.admits("learned:1", unrelated), "a server there may have restarted");
  assert(!home.admits("learned:1", "name"), "it has no name after a restart");
  const named = new HomeNetwork("name", ["a:1"]);
  named.enter("a:1", "name");
  assert(!named.admits("a:1", newer) && !named.admits("a:1", undefined));
});

pureTest("client's network remembers a limited number of servers, those found last", () => {
  const [own, unrelated] = [1, 2].map((n) => `0198a000-0000-7000-8000-00000000000${n}`);
  const reports: string[] = [];
  const home = new HomeNetwork(own, [], (server) => reports.push(server));
  home.check("first:1", own);
  home.check("used:1", own);
  for (let port = 1; port <= 1_023; port++) home.check(`host:${port}`, own);
  assert(!home.admits("first:1", unrelated) && home.admits("used:1", unrelated));
  home.enter("used:1", own);
  home.check("host:1024", own);
  assert(!home.admits("host:1", unrelated) && home.admits("used:1", unrelated));
  for (const port of [1, 1, ...Array.from({ length: 1_024 }, (_, n) => n + 2), 1]) {
    assertThrows(() => home.check(`other:${port}`, unrelated), NetlabError);
  }
  assertEquals(reports.filter((server) => server === "other:1").length, 2);
});

test("rtt client without a server uses the network of the first one that it was given", async () => {
  await using mine = await RttServer.listen({ network: "mine" });
  await using other = await RttServer.listen({ network: "other" });
  for (const network of [undefined, "mine", "other"]) {
    await using proxy = await FaultProxy.start({ target: mine.address });
    proxy.set({ toTarget: { latencyMs: 20 } });
    await using alice = await RttClient.connect({
      name: "Alice",
      servers: [proxy.address, other.address],
      ...network !== undefined && { network },
    });
    // The other server is faster than the one behind the proxy.
    assertEquals(alice.server === other.address, network === "other");
    const skipped = network === "other" ? proxy.address : other.address;
    const { trouble } = alice.round!.servers.find(({ server }) => server === skipped)!;
    assertStringIncludes(trouble!, "it belongs to another network");
  }
});

test("clients follow their network when it becomes part of another one", async () => {
  const pair = [await P2pServer.listen(), await P2pServer.listen()];
  pair.sort((a, b) => a.network < b.network ? -1 : 1);
  await using older = pair[0]!;
  await using newer = pair[1]!;
  const founded = older.network;
  await using alice = await P2pClient.connect({ name: "Alice", servers: [newer.address] });
  await using _bridge = await P2pServer.listen({ peers: [older.address, newer.address] });
  await eventually("one network", () => newer.network === founded && newer.peers().length === 2);
  await eventually("Alice knows them", async () => (await alice.servers()).length === 3);
  await newer.drain();
  await eventually("she has moved", () => alice.server !== undefined);
  await alice.send("Alice", "still here");
});

test("p2p client that may use one network only is told so by servers of others", async () => {
  await using named = await P2pServer.listen({ network: "one" });
  await using unnamed = await P2pServer.listen();
  await using old = new ScriptedServer();
  const connect = (server: { address: string }, network: string) =>
    P2pClient.connect({ name: "Alice", servers: [server.address], network });
  await using _alice = await connect(named, "one");
  for (const server of [named, unnamed, old]) {
    const error = await assertFails(connect(server, "two"), ErrorCode.OtherNetwork);
    assertStringIncludes(error.message, server.address);
  }
  await assertRejects(() => connect(named, "a b"), TypeError);
  await assertRejects(() => P2pServer.listen({ network: "\x1b[2J" }), TypeError);
});

test("p2p client uses servers that state no network when it was given them", async () => {
  const registrations: string[] = [];
  await using old = new ScriptedServer();
  await using server = await P2pServer.listen();
  await using alice = await P2pClient.connect({
    name: "Alice",
    servers: [server.address, old.address],
    onOtherNetwork: (address) => registrations.push(address),
  });
  await alice.moveTo(old.address);
  assertEquals([alice.server, registrations], [old.address, []]);
});

storageTest(
  "p2p server comes back to its network with its data folder, and alone founds one",
  async () => {
    using folder = new TestFolder();
    const networks: string[] = [];
    for (const options of [{}, {}, { network: "office" }, {}]) {
      await using server = await P2pServer.listen({ data: folder.path, ...options });
      networks.push(server.network);
    }
    assertEquals([networks[1], networks[2], networks[3]], [networks[0], "office", "office"]);
    {
      using other = new TestFolder();
      await using older = await P2pServer.listen({ data: other.path });
      await using newer = await P2pServer.listen({
        data: `${other.path}/newer`,
        peers: [older.address],
      });
      await eventually("one network", () => newer.network === older.network);
      assertEquals(Deno.readTextFileSync(`${other.path}/newer/network`).trim(), older.network);
    }
    // A damaged file costs nothing but the name.
    Deno.writeTextFileSync(`${folder.path}/network`, "\x1b[2J");
    await using server = await P2pServer.listen({ data: folder.path });
    assertEquals(server.network, server.id);
  },
);

processTest("p2p programs of two networks on one machine stay apart, and say why", async () => {
  const [one, two] = freePorts(2) as [number, number];
  await using first = await startServer(one, two, "--network", "one");
  await using second = await startServer(two, one, "--network", "two");
  for (const [server, address] of [[first, two], [second, one]] as const) {
    const { reason, code } = await event(server, "link.refused", `127.0.0.1:${address}`);
    assertEquals(code, ErrorCode.OtherNetwork);
    assertStringIncludes(reason as string, "the network one");
    assertStringIncludes(reason as string, "the network two");
  }
  await using alice = Process.start(CLIENT, [
    ...["--name", "Alice", "--network", "two", "--server", `${one},${two}`],
  ], { stdin: "piped" });
  await alice.waitForError(`127.0.0.1:${one} belongs to another network: not used`);
  await alice.waitForError(`connected to 127.0.0.1:${two}`);
  await event(second, "user.joined", "Alice");
  for (const program of [SERVER, CLIENT]) {
    const wrong = await Process.run(program, ["--network", "a b"], { permissions: PERMISSIONS });
    assertEquals(wrong.code, 2);
    assertStringIncludes(wrong.stderr[0]!, "Option --network");
  }
});

processTest("p2p server program that is reached elsewhere looks for nobody", async () => {
  const port = freePort();
  const args = ["--host", "0.0.0.0", "--port", `${port}`, "--json", "--open"];
  const advertise = ["--advertise", `one.example:${port}`];
  const permissions = [`--allow-net=0.0.0.0:${port}`];
  await using server = Process.start(SERVER, [...args, ...advertise], { permissions });
  await event(server, "peers.none");
  await event(server, "storage.memory");
  server.kill("SIGTERM");
  const { code, stdout } = await server.finished();
  assertEquals([code, stdout.filter((line) => line.includes("permission"))], [0, []]);
});

processTest(
  "p2p server program tells in one line that it may not look for servers nobody named",
  async () => {
    const port = freePort();
    const args = ["--port", `${port}`, "--json"];
    const permissions = [`--allow-net=127.0.0.1:${port},127.0.0.1:5003`];
    await using server = Process.start(SERVER, args, { permissions });
    const { addresses } = await event(server, "peers.denied");
    assertEquals(addresses, "127.0.0.1:5001, 127.0.0.1:5002, 127.0.0.1:5004, 127.0.0.1:5005");
    await event(server, "storage.memory");
    server.kill("SIGTERM");
    const { stdout } = await server.finished();
    assertEquals(stdout.filter((line) => line.includes("permission")).length, 1);
  },
);

pureTest("the address of a server is no name that leads to its own machine only", () => {
  const listening = (...hostnames: string[]) =>
    hostnames.map((hostname) => ({ addr: { transport: "tcp" as const, hostname, port: 7001 } }));
  const cases = [
    ["ip6-localhost", ["::1"], "[::1]:7001"],
    ["host.example", ["127.0.1.1"], "127.0.1.1:7001"],
    ["host.example", ["127.0.1.1", "10.0.0.1"], "host.example:7001"],
    ["localhost", ["127.0.0.1", "::1"], "localhost:7001"],
    ["127.0.0.1", ["127.0.0.1"], "127.0.0.1:7001"],
    ["::1", ["::1"], "[::1]:7001"],
  ] as const;
  for (const [given, found, expected] of cases) {
    assertEquals(localAddress(given, listening(...found)), expected);
  }
});

processTest(
  "p2p server program reports an address that it may not dial once, with the flag",
  async () => {
    const [one, two, denied] = freePorts(3) as [number, number, number];
    // The second and the third server may dial the first one only, and hear of each other from it.
    const start = (port: number, peer: number) =>
      Process.start(SERVER, ["--port", `${port}`, "--peer", `${peer}`, "--json", "--verbose"], {
        permissions: [`--allow-net=127.0.0.1:${one},127.0.0.1:${port}`],
      });
    await using first = start(one, one);
    await event(first, "listening");
    await using second = start(two, one);
    await using third = start(denied, one);
    for (const [server, other] of [[second, denied], [third, two]] as const) {
      const { message } = await event(server, "link.denied");
      assertStringIncludes(
        message as string,
        `add --allow-net=127.0.0.1:${other} after "deno run"`,
      );
      const attempts = () => server.stdout.filter((line) => line.includes("dial failed")).length;
      await eventually("it tries again", () => attempts() >= 3);
      assertEquals(server.stdout.filter((line) => line.includes("link.denied")).length, 1);
    }
  },
);
