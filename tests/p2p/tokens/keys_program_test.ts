/**
 * The programs with keys and tokens, as a user starts them: files and their modes, and that no output and no list of
 * processes ever shows a secret.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { JsonKeySet } from "@netlab/p2p/keys";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { TestFolder } from "../../folders.ts";
import { freePort, Process } from "../../processes.ts";
import { nextMessage, storageTest as test } from "../network.ts";
import { CLIENT, event, PERMISSIONS, SERVER } from "../programs.ts";

const KEYS = "p2p/keys.ts";
const FILES = ["--allow-read=./data", "--allow-write=./data"];
const hasModes = Deno.build.os !== "windows";

/** Runs `keys` with its files in a folder. */
function keys(folder: TestFolder, command: string, ...args: string[]) {
  const all = [command, "--keys", `${folder.path}/keys.json`, ...args];
  return Process.run(KEYS, all, { permissions: FILES });
}

/** Creates a token in a folder. Returns its path from the root of the workspace. */
async function token(folder: TestFolder, role: string, name: string): Promise<string> {
  const path = `${folder.path}/${name}.token`;
  const { code, stderr } = await keys(
    folder,
    "token",
    "--role",
    role,
    "--name",
    name,
    "--out",
    path,
  );
  assertEquals(code, 0, stderr.join());
  return path;
}

function mode(folder: TestFolder, name: string): number | undefined {
  return hasModes ? Deno.statSync(folder.at(name)).mode! & 0o777 : 0o600;
}

function read(folder: TestFolder, name: string): string {
  return Deno.readTextFileSync(folder.at(name));
}

/** The arguments of every process of the system. */
async function commandLines(): Promise<string> {
  if (Deno.build.os !== "linux") return "";
  const { stdout } = await Process.run("tests/p2p/tokens/command_lines.ts", [], {
    permissions: ["--allow-all"],
  });
  const lines = stdout.join("\n");
  assertStringIncludes(lines, "--token-file", "it must show this program's children");
  return lines;
}

test("keys program creates files for their owner only, and overwrites none", async () => {
  await Promise.all(["HS256", "EdDSA"].map(async (algorithm) => {
    using folder = new TestFolder();
    const create = () => keys(folder, "create", "--network", "office", "--algorithm", algorithm);
    const { code, stdout } = await create();
    assertEquals(code, 0);
    const hasPair = algorithm !== "HS256";
    const names = hasPair ? ["keys.json", "keys.private.json"] : ["keys.json"];
    assertEquals([...Deno.readDirSync(folder.at(""))].map(({ name }) => name).sort(), names);
    for (const name of names) assertEquals(mode(folder, name), 0o600);
    const before = names.map((name) => read(folder, name));
    const { keys: [key] } = JSON.parse(before.at(-1)!) as JsonKeySet;
    const secret = (hasPair ? key!.d : key!.k) as string;
    assert(!stdout.join().includes(secret));
    if (hasPair) assert(!before[0]!.includes('"d"'));

    const again = await create();
    assertEquals(again.code, 1);
    assertStringIncludes(again.stderr.join(), "exists");
    assertEquals(names.map((name) => read(folder, name)), before);

    await token(folder, "user", "Alice");
    assertEquals(mode(folder, "Alice.token"), 0o600);
    const text = read(folder, "Alice.token");
    const path = `${folder.path}/Alice.token`;
    const other = await keys(folder, "token", "--role", "user", "--name", "Alice", "--out", path);
    assertEquals(other.code, 1);
    assert(![...other.stderr, ...other.stdout].join().includes(text.trim().split(".")[1]!));
    assertEquals(read(folder, "Alice.token"), text);
  }));
});

test("keys program rotates and removes keys", async () => {
  using folder = new TestFolder();
  await keys(folder, "create", "--network", "office", "--algorithm", "EdDSA");
  const ids = (name: string) =>
    (JSON.parse(read(folder, name)) as JsonKeySet).keys.map(({ kid }) => kid!);
  const [first] = ids("keys.json");
  assertEquals((await keys(folder, "rotate")).code, 0);
  assertEquals(ids("keys.json").length, 2);
  assertEquals(ids("keys.json"), ids("keys.private.json"));
  assert(!read(folder, "keys.json").includes('"d"'));
  for (const name of ["keys.json", "keys.private.json"]) assertEquals(mode(folder, name), 0o600);
  assertEquals((await keys(folder, "remove", "--key", first!)).code, 0);
  assertEquals(ids("keys.json").includes(first!), false);
  const last = await keys(folder, "remove", "--key", ids("keys.json")[0]!);
  assertEquals(last.code, 1);
  assertStringIncludes(last.stderr.join(), "last key");
});

const MISTAKES: [args: string[], code: number, what: string][] = [
  [["create"], 2, "--network NAME is required"],
  [["create", "--network", "a b"], 2, "Option --network"],
  [["create", "--network", "office", "--algorithm", "none"], 2, "none of HS256"],
  [["token", "--name", "Alice"], 2, "--role"],
  [["token", "--role", "admin", "--name", "Alice"], 2, "none of user"],
  [["token", "--role", "user"], 2, "--name NAME is required"],
  [["token", "--role", "user", "--name", " "], 2, "Option --name"],
  [["token", "--role", "user", "--name", "Alice"], 1, "there is no such file"],
  [["token", "--role", "user", "--name", "Alice", "--days", "0"], 2, "Option --days"],
  [["rotate"], 1, "there is no such file"],
  [["remove"], 2, "--key ID is required"],
];

test("keys program says in one line what is wrong", async () => {
  using folder = new TestFolder();
  await Promise.all(MISTAKES.map(async ([[command, ...args], code, what]) => {
    const result = await keys(folder, command!, ...args);
    assertEquals([result.code, result.stderr.length], [code, 1], result.stderr.join());
    assertStringIncludes(result.stderr[0]!, what);
  }));
  const unknown = await Process.run(KEYS, ["destroy"], { permissions: FILES });
  assertEquals(unknown.code, 2);
});

test("programs use no file that others may use", async () => {
  if (!hasModes) return;
  using folder = new TestFolder();
  await keys(folder, "create", "--network", "office");
  await token(folder, "server", "one");
  await token(folder, "user", "Alice");
  const path = (name: string) => `${folder.path}/${name}`;
  Deno.writeTextFileSync(folder.at("revoked"), "");
  const server = (...more: string[]) =>
    Process.run(SERVER, [
      ...["--port", "0", "--keys", path("keys.json"), "--token-file", path("one.token")],
      ...["--revoked", path("revoked"), ...more],
    ], { permissions: PERMISSIONS });
  const failsWith = async (name: string, bits: number) => {
    Deno.chmodSync(folder.at(name), bits);
    const { code, stderr } = await server();
    assertEquals([code, stderr.length], [1, 1], stderr.join("\n"));
    assertStringIncludes(stderr[0]!, `run chmod 600 ${path(name)}`);
    Deno.chmodSync(folder.at(name), 0o600);
  };
  await failsWith("keys.json", 0o640);
  await failsWith("one.token", 0o604);
  await failsWith("revoked", 0o622);
  Deno.chmodSync(folder.at("Alice.token"), 0o644);
  const client = await Process.run(
    CLIENT,
    ["--token-file", path("Alice.token"), "--server", "127.0.0.1:1"],
    { permissions: [...PERMISSIONS, ...FILES] },
  );
  assertEquals(client.code, 1);
  assertStringIncludes(client.stderr.join(), "run chmod 600");
});

test("data files are for their owner only, and older ones become so", async () => {
  if (!hasModes) return;
  using folder = new TestFolder();
  const data = folder.at("data").pathname;
  const modes = () =>
    [...Deno.readDirSync(data)].map(({ name }) => Deno.statSync(`${data}/${name}`).mode! & 0o777);
  {
    await using server = await P2pServer.listen({ data });
    await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
    await alice.send("Alice", "hello");
    assertEquals(new Set(modes()), new Set([0o600]));
    assertEquals(Deno.statSync(data).mode! & 0o777, 0o700);
  }
  for (const { name } of [...Deno.readDirSync(data)]) Deno.chmodSync(`${data}/${name}`, 0o644);
  const warned: unknown[] = [];
  const log = (_: string, properties?: Record<string, unknown>) => {
    if (properties?.event === "storage.mode") warned.push(properties.files);
  };
  await using server = await P2pServer.listen({
    data,
    logger: { debug: log, info: log, warn: log, error: log },
  });
  assertEquals(new Set(modes()), new Set([0o600]));
  assertStringIncludes(String(warned), "messages.db");
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  assertEquals((await nextMessage(alice)).text, "hello");
});

test("no output of any program and no list of processes shows a token or a key", async () => {
  using folder = new TestFolder();
  await keys(folder, "create", "--network", "office");
  const paths = new Map<string, string>();
  for (const name of ["one", "two"]) paths.set(name, await token(folder, "server", name));
  for (const name of ["Alice", "Bob"]) paths.set(name, await token(folder, "user", name));
  const secrets = [...paths.keys()].map((name) => read(folder, `${name}.token`).trim());
  const { keys: [key] } = JSON.parse(read(folder, "keys.json")) as JsonKeySet;
  // A damaged token is a secret, too: it is one step from the real one.
  const damaged = `${secrets[2]!.slice(0, -4)}AAAA`;
  Deno.writeTextFileSync(folder.at("damaged.token"), damaged, { mode: 0o600 });
  const parts = [key!.k as string, ...secrets.flatMap((secret) => [secret, secret.split(".")[2]!])];

  const port = freePort();
  const start = (name: string, own: number, ...more: string[]) =>
    Process.start(SERVER, [
      ...["--port", `${own}`, "--json", "--verbose", "--keys", `${folder.path}/keys.json`],
      ...["--token-file", paths.get(name)!, ...more],
    ], { permissions: PERMISSIONS, env: { OTEL_DENO: "false" } });
  await using one = start("one", port);
  await event(one, "listening");
  await using two = start("two", 0, "--peer", `127.0.0.1:${port}`);
  await event(two, "link.up");
  const permissions = [...PERMISSIONS, "--allow-env=NETLAB_TOKEN"];
  const server = ["--server", `127.0.0.1:${port}`];
  await using bob = Process.start(CLIENT, server, {
    permissions,
    stdin: "piped",
    env: { NETLAB_TOKEN: secrets[3]! },
  });
  await event(one, "user.joined", "Bob");
  const lines = await commandLines();
  for (const part of parts) assert(!lines.includes(part), "a list of processes shows a secret");
  const alice = await Process.run(CLIENT, [...server, "--token-file", paths.get("Alice")!], {
    permissions,
  });
  assertEquals(alice.code, 0, alice.stderr.join());
  const outputs = [...alice.stdout, ...alice.stderr];
  for (const args of [["--token-file", `${folder.path}/damaged.token`], ["--name", "Eve"]]) {
    const { code, stdout, stderr } = await Process.run(CLIENT, [...server, ...args], {
      permissions,
    });
    assertEquals([code, stderr.length], [1, 1], stderr.join("\n"));
    outputs.push(...stdout, ...stderr);
  }
  for (const program of [bob, one, two]) {
    program.kill("SIGTERM");
    const { stdout, stderr } = await program.finished();
    outputs.push(...stdout, ...stderr);
  }
  assert(outputs.length > 10);
  const text = outputs.join("\n");
  for (const part of [...parts, damaged]) assert(!text.includes(part), "an output shows a secret");
});

test("server without keys listens on loopback only, unless it is open", async () => {
  const args = ["--host", "0.0.0.0", "--port", "0", "--advertise", "127.0.0.1:9"];
  const permissions = ["--allow-net=0.0.0.0,127.0.0.1"];
  const refused = await Process.run(SERVER, args, { permissions });
  assertEquals([refused.code, refused.stderr.length], [1, 1], refused.stderr.join("\n"));
  for (const what of ["keys create --network NAME", "keys token --role server", "--open"]) {
    assertStringIncludes(refused.stderr[0]!, what);
  }
  await using open = Process.start(SERVER, [...args, "--json", "--open"], { permissions });
  await event(open, "listening");
  for (
    const [more, what] of [
      [["--token-file", "x"], "require --keys"],
      [["--legacy", "--no-legacy"], "exclude each other"],
    ] as const
  ) {
    const { code, stderr } = await Process.run(SERVER, [...more], { permissions });
    assertEquals(code, 2);
    assertStringIncludes(stderr.join(), what);
  }
});
