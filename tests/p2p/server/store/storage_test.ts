import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { P2pClient, type Sent } from "@netlab/p2p/client";
import { TestFolder } from "../../../folders.ts";
import { freePort, Process } from "../../../processes.ts";
import { eventually, Inbox, storageTest as test, within } from "../../network.ts";
import { event, PERMISSIONS, SERVER, startServer } from "../../programs.ts";

const connect = (name: string, port: number) =>
  P2pClient.connect({ name, servers: [`127.0.0.1:${port}`] });

/** A program that is expected to say in one line why it cannot continue. */
async function complaint(args: string[]): Promise<string> {
  const { code, stdout, stderr } = await Process.run(SERVER, args, { permissions: PERMISSIONS });
  assertEquals([code, stdout, stderr.length], [1, [], 1], stderr.join("\n"));
  return stderr[0]!;
}

function mayWrite(file: URL): boolean {
  try {
    Deno.writeTextFileSync(file, "");
    return true;
  } catch {
    return false;
  }
}

test("p2p server that is killed while it accepts messages delivers each accepted one, once", async () => {
  using folder = new TestFolder();
  const port = freePort();
  const start = () => startServer(port, port, "--data", folder.path);
  await using first = await start();
  assertEquals((await event(first, "storage.disk")).data, folder.path);
  await using alice = await connect("Alice", port);
  const texts = Array.from({ length: 500 }, (_, number) => `${number}`);
  const sent: Sent[] = [];
  const sending = (async () => {
    // Enough are in flight at a time that the server is killed in the middle of some.
    for (let at = 0; at < texts.length; at += 20) {
      const some = texts.slice(at, at + 20).map((text) => alice.send("Bob", text));
      sent.push(...await Promise.all(some));
    }
  })();
  await eventually("it is in the middle of it", () => sent.length >= 200);
  first.kill("SIGKILL");
  await first.ended;
  const before = sent.length;
  assert(before < texts.length, "all was sent before");
  await using second = await start();
  await within("the rest", sending);

  // Accepted messages survive once more, although no client could send them again.
  second.kill("SIGKILL");
  await second.ended;
  await using third = await start();
  await event(third, "user.joined", "Alice");
  await using bob = await connect("Bob", port);
  const inbox = new Inbox(bob);
  await within("their end", Promise.all(sent.map(({ delivered }) => delivered)));
  await bob.send("Bob", "last");
  await eventually("all has come", () => inbox.from("Bob").length === 1);
  assertEquals(inbox.from("Alice"), texts);
  assertEquals(inbox.messages.slice(0, -1).map(({ id }) => id), sent.map(({ id }) => id));

  third.kill("SIGTERM");
  assertEquals((await third.finished()).code, 0);
  await using fourth = await start();
  await event(fourth, "user.joined", "Bob");
  await bob.send("Bob", "really the last");
  await eventually("it has come", () => inbox.from("Bob").length === 2);
  assertEquals(inbox.from("Alice").length, texts.length);
});

test("p2p server program without a folder logs that a crash loses messages", async () => {
  const port = freePort();
  await using server = await startServer(port, port);
  const { message } = await event(server, "storage.memory");
  assertStringIncludes(message as string, "--data");
});

test("p2p server programs do not share a folder", async () => {
  using folder = new TestFolder();
  const port = freePort();
  await using first = await startServer(port, port, "--data", folder.path);
  const line = await complaint(["--port", `${freePort()}`, "--data", folder.path]);
  assertEquals(
    line.replace(/process \d+/, "process PID"),
    `error: Cannot store messages in ${folder.path}: the server at 127.0.0.1:${port}, process PID, ` +
      "uses it; choose another folder",
  );
  first.kill("SIGKILL");
  await first.ended;
  await using _next = await startServer(port, port, "--data", folder.path);
});

test("p2p server program says in one line why it cannot use a folder", async () => {
  using folder = new TestFolder();
  const port = `${freePort()}`;
  Deno.writeTextFileSync(folder.at("file"), "not a folder");
  Deno.mkdirSync(folder.at("odd/messages.db"), { recursive: true });
  Deno.mkdirSync(folder.at("closed"), { mode: 0o500 });
  const cases = [
    ["file", "it is a file; choose a folder"],
    ["file/below", "a parent of it is a file; choose another folder"],
    ["odd", "messages.db in it is a folder; choose another folder"],
    [
      "closed",
      "you do not have permission to write there; choose another folder, or change its permissions",
    ],
  ] as const;
  for (const [name, why] of cases) {
    // A superuser may open everything.
    if (name === "closed" && mayWrite(folder.at("closed/probe"))) continue;
    assertEquals(
      await complaint(["--port", port, "--data", `${folder.path}/${name}`]),
      `error: Cannot store messages in ${folder.path}/${name}: ${why}`,
    );
  }
  const elsewhere = await complaint(["--port", port, "--data", "elsewhere"]);
  assertMatch(elsewhere, /^error: No permission for (read|write) access to .*elsewhere/);
  assertMatch(elsewhere, /add --allow-(read|write)=/);
});

test("p2p server program renames a damaged file, logs it, and continues", async () => {
  using folder = new TestFolder();
  Deno.writeTextFileSync(folder.at("messages.db"), "this is no database ".repeat(500));
  const port = freePort();
  await using server = await startServer(port, port, "--data", folder.path);
  const { aside } = await event(server, "storage.damaged");
  const names = [...Deno.readDirSync(folder.at(""))].map(({ name }) => `${folder.path}/${name}`);
  assert(names.includes(aside as string), `${aside} is not among ${names}`);
  await using alice = await connect("Alice", port);
  await alice.send("Bob", "stored");
  await using bob = await connect("Bob", port);
  const inbox = new Inbox(bob);
  await eventually("it has come", () => inbox.lines.join() === "Alice: stored");
});
