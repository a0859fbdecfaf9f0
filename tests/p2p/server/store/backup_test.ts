/**
 * Backups: what they contain while the server stores messages, and how they are restored.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { backUp } from "@netlab/p2p/backup";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { ErrorCode } from "@netlab/protocol";
import { TestFolder } from "../../../folders.ts";
import { freePort, Process } from "../../../processes.ts";
import { assertFails, eventually, Inbox, storageTest as test } from "../../network.ts";
import { startServer } from "../../programs.ts";

const connect = (name: string, address: string) => P2pClient.connect({ name, servers: [address] });

const filesOf = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

const PERMISSIONS = ["--allow-read=./data", "--allow-write=./data"];

test("backup of a busy server has all that was accepted before, and another server delivers it", async () => {
  using folder = new TestFolder();
  const [data, to] = [`${folder.path}/data`, `${folder.path}/backup`];
  const port = freePort();
  let accepted = 0;
  let before = 0;
  {
    await using _server = await startServer(port, port, "--data", data, "--max-messages", "100000");
    await using alice = await connect("Alice", `127.0.0.1:${port}`);
    let isDone = false;
    const sending = (async () => {
      while (!isDone) {
        const some = Array.from({ length: 20 }, (_, index) => `${accepted + index}`);
        await Promise.all(some.map((text) => alice.send("Bob", text)));
        accepted += some.length;
      }
    })();
    await eventually("some are stored", () => accepted >= 200);
    before = accepted;
    const { code, stdout, stderr } = await Process.run(
      "p2p/backup.ts",
      ["--data", data, "--to", to],
      { permissions: PERMISSIONS },
    );
    assertEquals([code, stderr], [0, []]);
    assertMatch(stdout.join(), /^[\d,]+ messages copied to /);
    const after = accepted;
    await eventually("the server has stored more", () => accepted > after);
    isDone = true;
    await sending;
  }
  assertEquals(filesOf(to), ["messages.db", "network"]);
  await using restored = await P2pServer.listen({ data: to });
  await using bob = await connect("Bob", restored.address);
  await using carol = await connect("Carol", restored.address);
  const inbox = new Inbox(bob);
  await carol.send("Bob", "the last");
  await eventually("all has come", () => inbox.from("Carol").length === 1);
  const texts = inbox.from("Alice");
  assert(texts.length >= before, `${texts.length} of ${before}`);
  assertEquals(texts, texts.map((_, index) => `${index}`), "without a gap");
});

test("backup of a folder without a server is the same, and the folder stays as it was", async () => {
  using folder = new TestFolder();
  const [data, to] = [`${folder.path}/data`, `${folder.path}/backup`];
  {
    await using server = await P2pServer.listen({ data });
    await using alice = await connect("Alice", server.address);
    await alice.send("Bob", "1");
  }
  assertEquals((await backUp(data, to)).messages, 1);
  for (const path of [data, to]) {
    await using server = await P2pServer.listen({ data: path });
    await using bob = await connect("Bob", server.address);
    const inbox = new Inbox(bob);
    await eventually("it has come", () => inbox.lines.length === 1);
  }
});

test("a server that starts with a backup is in the network of the clients that wait for it", async () => {
  using folder = new TestFolder();
  const [data, to] = [`${folder.path}/data`, `${folder.path}/backup`];
  const first = await P2pServer.listen({ data });
  const { port, network } = first;
  await backUp(data, to);
  await first.close();
  await using restored = await P2pServer.listen({ data: to, port });
  assertEquals(restored.network, network);
});

test("backup that fails leaves nothing behind", async () => {
  using folder = new TestFolder();
  const [data, to] = [`${folder.path}/data`, `${folder.path}/backup`];
  Deno.mkdirSync(data);
  Deno.mkdirSync(to);
  Deno.writeTextFileSync(`${to}/messages.db.partial`, "of an earlier attempt");
  Deno.writeTextFileSync(`${data}/messages.db`, "no database ".repeat(1_000));
  const error = await assertFails(backUp(data, to), ErrorCode.StorageFailed);
  assertStringIncludes(error.message, `Cannot back up ${data}: `);
  assertEquals(filesOf(to), []);
  // A table is missing, which shows only when the copy is read back.
  Deno.removeSync(`${data}/messages.db`);
  {
    using other = new DatabaseSync(`${data}/messages.db`);
    other.exec("CREATE TABLE other (number INTEGER)");
  }
  await assertFails(backUp(data, to), ErrorCode.StorageFailed);
  assertEquals(filesOf(to), []);
  const below = await assertFails(backUp(data, `${data}/messages.db/x`), ErrorCode.StorageFailed);
  assertStringIncludes(below.message, "a parent of it is a file");
});

test("backup says why it copies nothing, and overwrites nothing", async () => {
  using folder = new TestFolder();
  const data = `${folder.path}/data`;
  const missing = await assertFails(backUp(data, `${folder.path}/to`), ErrorCode.StorageFailed);
  assertStringIncludes(missing.message, `there is no ${data}/messages.db`);
  await using _ = await P2pServer.listen({ data });
  const own = await assertFails(backUp(data, data), ErrorCode.StorageFailed);
  assertStringIncludes(own.message, "exists; choose another folder");
});
