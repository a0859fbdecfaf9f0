/**
 * The data folder of a running server: who may use it, and what happens when somebody removes or replaces it.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer, type P2pServerOptions } from "@netlab/p2p/server";
import { DataFolder } from "../../../../../p2p/server/store/data_folder.ts";
import { TestFolder } from "../../../../folders.ts";
import { freePort, Process } from "../../../../processes.ts";
import { assertFails, eventually, Inbox, storageTest as test, within } from "../../../network.ts";
import { event, PERMISSIONS, SERVER, startServer } from "../../../programs.ts";

/** Starts a server in this process, and collects the events that it logs. */
async function listen(options: P2pServerOptions): Promise<{
  server: P2pServer;
  events: string[];
  logged: (event: string) => Promise<unknown>;
}> {
  const events: string[] = [];
  const log = (_: string, properties?: Record<string, unknown>) => {
    if (typeof properties?.event === "string") events.push(properties.event);
  };
  const logger = { debug: log, info: log, warn: log, error: log };
  const server = await P2pServer.listen({ ...options, logger });
  const logged = (event: string) => eventually(event, () => events.includes(event));
  return { server, events, logged };
}

const connect = (name: string, address: string) => P2pClient.connect({ name, servers: [address] });

/** Makes a symbolic link at `path` that leads to `target`. */
async function symlink(target: string, path: string): Promise<void> {
  const permissions = ["--allow-read", "--allow-write"];
  const { code } = await Process.run("tests/p2p/server/store/data_folder/symlink.ts", [
    target,
    path,
  ], { permissions });
  assertEquals(code, 0);
}

/** Ways to lose a data folder. Each gets the folder and a place for what was moved. */
const LOSSES: Record<string, (data: string, aside: string) => void | Promise<void>> = {
  "the folder is removed": (data) => Deno.removeSync(data, { recursive: true }),
  "the database is removed": (data) => Deno.removeSync(`${data}/messages.db`),
  "the database is replaced": (data, aside) => {
    Deno.renameSync(`${data}/messages.db`, aside);
    Deno.copyFileSync(aside, `${data}/messages.db`);
  },
  "the folder is moved, and there is a new one": (data, aside) => {
    Deno.renameSync(data, aside);
    Deno.mkdirSync(data);
  },
  "the folder is moved, and a link leads elsewhere": (data, aside) => {
    Deno.renameSync(data, aside);
    Deno.mkdirSync(`${aside}-else`);
    return symlink("aside-else", data);
  },
};

for (const [name, lose] of Object.entries(LOSSES)) {
  test(`p2p server refuses messages but delivers what it has when ${name}`, async () => {
    using folder = new TestFolder();
    const { server, events, logged } = await listen({ data: `${folder.path}/data` });
    await using _ = server;
    await using alice = await connect("Alice", server.address);
    const { delivered } = await alice.send("Bob", "before");

    await lose(`${folder.path}/data`, `${folder.path}/aside`);
    await logged("storage.gone");
    for (let again = 0; again < 3; again++) {
      const { message } = await assertFails(alice.send("Bob", "after"), ErrorCode.StorageFailed);
      assertEquals(
        message,
        "Cannot store a message for Bob: the server's data folder was removed or replaced; " +
          "use another server, or tell its operator",
      );
    }
    await using bob = await connect("Bob", server.address);
    const inbox = new Inbox(bob);
    await within("the message", delivered);
    assertEquals(inbox.lines, ["Alice: before"]);
    assertEquals(events.filter((event) => event === "storage.gone").length, 1, "logged once");
    assert(!events.includes("storage.restored"));
  });
}

test("p2p server stores messages again when its data folder comes back, and loses none", async () => {
  using folder = new TestFolder();
  const [data, aside] = [`${folder.path}/data`, `${folder.path}/aside`];
  const texts = ["before", "after"];
  {
    const { server, logged } = await listen({ data });
    await using _ = server;
    await using alice = await connect("Alice", server.address);
    await alice.send("Bob", "before");
    await alice.send("Carol", "delivered meanwhile");
    Deno.renameSync(data, aside);
    await logged("storage.gone");
    await assertFails(alice.send("Bob", "refused"), ErrorCode.StorageFailed);
    {
      await using carol = await connect("Carol", server.address);
      const inbox = new Inbox(carol);
      await eventually("it has come", () => inbox.lines.length === 1);
      await carol.close();
    }
    Deno.renameSync(aside, data);
    await logged("storage.restored");
    await alice.send("Bob", "after");
  }
  const { server } = await listen({ data });
  await using _ = server;
  await using bob = await connect("Bob", server.address);
  await using carol = await connect("Carol", server.address);
  const [inbox, empty] = [new Inbox(bob), new Inbox(carol)];
  await eventually("both have come", () => inbox.from("Alice").length === 2);
  assertEquals([inbox.from("Alice"), empty.messages], [texts, []]);
});

test("p2p server that stops without its data folder hands its messages off", async () => {
  using folder = new TestFolder();
  const data = `${folder.path}/data`;
  await using other = await P2pServer.listen();
  const { server, events, logged } = await listen({ data, peers: [other.address] });
  await using _ = server;
  await eventually("they are linked", () => other.peers().length === 1);
  const alice = await connect("Alice", server.address);
  for (let number = 0; number < 20; number++) await alice.send("Bob", `${number}`);
  await alice.close();
  Deno.removeSync(data, { recursive: true });
  await logged("storage.gone");
  await server.drain();
  assert(!events.includes("storage.lost"), events.join());
  await using bob = await connect("Bob", other.address);
  const inbox = new Inbox(bob);
  await eventually("all have come", () => inbox.from("Alice").length === 20);
});

for (const [when, slash] of [["at once", ""], ["later", "/"]] as const) {
  test(`p2p server that stops alone without its data folder copies its messages (${when})`, async () => {
    using folder = new TestFolder();
    const port = freePort();
    const address = `127.0.0.1:${port}`;
    const data = `${folder.path}/data${slash}`;
    await using server = Process.start(
      SERVER,
      ["--port", `${port}`, "--peer", address, "--json", "--data", data],
      { permissions: PERMISSIONS },
    );
    const { network } = await event(server, "listening");
    await using alice = await connect("Alice", address);
    for (const text of ["1", "2", "3"]) await alice.send("Bob", text);
    await alice.send("Carol", "delivered");
    Deno.removeSync(`${folder.path}/data`, { recursive: true });
    if (when === "later") {
      await event(server, "storage.gone");
      await using carol = await connect("Carol", address);
      const inbox = new Inbox(carol);
      await eventually("it has come", () => inbox.lines.length === 1);
      await carol.close();
    }
    await alice.close();
    server.kill("SIGTERM");
    const { count, place, message } = await event(server, "storage.rescued");
    assertEquals(count, when === "later" ? 3 : 4);
    assertStringIncludes(message as string, "messages.db was removed");
    assertEquals((await server.finished()).code, 0);
    const { server: next } = await listen({ data: place as string });
    await using _ = next;
    assertEquals(next.network, network);
    await using bob = await connect("Bob", next.address);
    await using carol = await connect("Carol", next.address);
    const [inbox, other] = [new Inbox(bob), new Inbox(carol)];
    const left = when === "later" ? [] : ["delivered"];
    await eventually("all have come", () => inbox.from("Alice").length === 3);
    assertEquals(inbox.from("Alice"), ["1", "2", "3"]);
    await eventually("all others, too", () => other.from("Alice").length === left.length);
  });
}

test("p2p server that can copy its messages nowhere says how many are lost", async () => {
  using folder = new TestFolder();
  const port = freePort();
  const address = `127.0.0.1:${port}`;
  const data = `${folder.path}/data`;
  await using server = Process.start(
    SERVER,
    ["--port", `${port}`, "--peer", address, "--json", "--data", data],
    { permissions: ["--allow-net=127.0.0.1", `--allow-read=${data}`, `--allow-write=${data}`] },
  );
  await event(server, "listening");
  await using alice = await connect("Alice", address);
  for (const text of ["1", "2"]) await alice.send("Bob", text);
  Deno.removeSync(data, { recursive: true });
  // At once: the server has not noticed yet.
  server.kill("SIGTERM");
  const { count, message } = await event(server, "storage.lost");
  assertEquals(count, 2);
  assertStringIncludes(message as string, "2 messages are lost");
  assertStringIncludes(message as string, "messages.db was removed");
});

test("p2p server writes a removed write-ahead log again, and loses nothing in a crash", async () => {
  using folder = new TestFolder();
  const port = freePort();
  const start = () => startServer(port, port, "--data", folder.path);
  await using first = await start();
  await using alice = await connect("Alice", `127.0.0.1:${port}`);
  await alice.send("Bob", "1");
  for (const suffix of ["-wal", "-shm"]) Deno.removeSync(folder.at(`messages.db${suffix}`));
  await event(first, "storage.repaired");
  await alice.send("Bob", "2");
  first.kill("SIGKILL");
  await first.ended;
  await using _second = await start();
  await using bob = await connect("Bob", `127.0.0.1:${port}`);
  const inbox = new Inbox(bob);
  await eventually("both have come", () => inbox.from("Alice").length === 2);
});

test("a data folder stays locked when a second server is refused, whatever path it takes", async () => {
  using folder = new TestFolder();
  const data = `${folder.path}/data`;
  const link = `${folder.path}/link`;
  const refused = async (path: string) => {
    const error = await assertRejects(() => P2pServer.listen({ data: path }), NetlabError);
    assertEquals(error.code, ErrorCode.StorageFailed);
    return error.message;
  };
  /** Another process, which may use the folder only when no server has it. */
  const other = async (path: string) => {
    const port = `${freePort()}`;
    const { stderr } = await Process.run(SERVER, ["--port", port, "--data", path], {
      permissions: PERMISSIONS,
    });
    return stderr.join("\n");
  };
  {
    await using server = await P2pServer.listen({ data });
    await symlink("data", link);
    const why =
      `the server at ${server.address}, process ${Deno.pid}, uses it; choose another folder`;
    const sentence = (path: string) => `Cannot store messages in ${path}: ${why}`;
    assertEquals(await refused(data), sentence(data));
    assertEquals(await refused(link), sentence(link));
    assertEquals(await other(link), `error: ${sentence(link)}`);
    // Even without the lock file: the server locks another one.
    Deno.removeSync(`${data}/server.lock`);
    await eventually("there is a lock again", () => {
      try {
        return Deno.statSync(`${data}/server.lock`).isFile;
      } catch {
        return false;
      }
    });
    assertEquals(await refused(data), sentence(data));
  }
  await using _ = await P2pServer.listen({ data });
  // Nor through another folder with a link to the database.
  Deno.mkdirSync(`${folder.path}/other`);
  await symlink("../data/messages.db", `${folder.path}/other/messages.db`);
  assertStringIncludes(await refused(`${folder.path}/other`), "messages.db in it is a link");
});

test("a data folder is free as soon as its server is killed, although a child of it lives on", async () => {
  using folder = new TestFolder();
  const port = freePort();
  await using parent = Process.start("tests/p2p/server/store/data_folder/parent_server.ts", [
    folder.path,
  ], {
    permissions: [...PERMISSIONS, `--allow-run=${Deno.execPath()}`],
    stdin: "piped",
  });
  await parent.waitFor("started");
  parent.kill("SIGKILL");
  await parent.ended;
  await using _ = await startServer(port, port, "--data", folder.path);
});

test("a data folder that was released can be taken at once while other programs are started", async () => {
  using folder = new TestFolder();
  const worker = new Worker(new URL("./starting_children.ts", import.meta.url), { type: "module" });
  let isDone = false;
  worker.onmessage = () => isDone = true;
  while (!isDone) {
    for (let times = 0; times < 100; times++) DataFolder.take(folder.path)[Symbol.dispose]();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  worker.terminate();
});
