import { assert, assertEquals } from "@std/assert";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { TestFolder } from "../../../../folders.ts";
import { ignoreUnless } from "../../../../permissions.ts";
import { freePort, Process } from "../../../../processes.ts";
import { assertFails, eventually, Inbox, storageTest as test } from "../../../network.ts";
import { event, type Log, PERMISSIONS, SERVER, startServer } from "../../../programs.ts";

const PADDING = "x".repeat(1_000);

/** Starts a server whose disk has little room, until `room` is written to it. */
async function startOnSmallDisk(port: number, folder: string): Promise<Process> {
  const server = Process.start(SERVER, [
    ...["--port", `${port}`, "--peer", `127.0.0.1:${port}`, "--json", "--data", folder],
  ], {
    permissions: ["--preload=./tests/p2p/server/store/full_disk/small_disk.ts", ...PERMISSIONS],
    stdin: "piped",
  });
  await event(server, "listening");
  return server;
}

/** How often a server logged an event. */
const count = (server: Process, name: string) =>
  server.stdout.filter((line) => (JSON.parse(line) as Log).event === name).length;

test("p2p server on a full disk refuses messages, loses none, and continues when there is room", async () => {
  using folder = new TestFolder();
  const port = freePort();
  await using first = await startOnSmallDisk(port, folder.path);
  const connect = (name: string) => P2pClient.connect({ name, servers: [`127.0.0.1:${port}`] });
  await using alice = await connect("Alice");
  const accepted: string[] = [];
  const send = async (text: string) => {
    await alice.send("Bob", text);
    accepted.push(text);
  };
  const refusal = await (async () => {
    for (let number = 0; number < 1_000; number++) {
      try {
        await send(`${number} ${PADDING}`);
      } catch (error) {
        return error;
      }
    }
  })();
  assert(refusal instanceof NetlabError, "the disk never was full");
  assertEquals([refusal.code, refusal.message], [
    ErrorCode.StorageFailed,
    "Cannot store a message for Bob: the server's disk cannot be written",
  ]);
  assert(accepted.length > 10, `${accepted.length} accepted`);
  await event(first, "storage.failed");
  for (let again = 0; again < 5; again++) {
    await assertFails(send(PADDING), ErrorCode.StorageFailed);
  }
  assertEquals(count(first, "storage.failed"), 1, "the log may be on that disk, too");

  // It is killed, and the disk is as full as before.
  first.kill("SIGKILL");
  await first.ended;
  await using second = await startOnSmallDisk(port, folder.path);
  await event(second, "user.joined", "Alice");
  await assertFails(send(PADDING), ErrorCode.StorageFailed);
  await second.write("room\n");
  await eventually("there is room", () => send(PADDING).then(() => true, () => false));
  await event(second, "storage.restored");
  await send("the last");

  // All of it is in the file, and nothing that was refused.
  second.kill("SIGKILL");
  await second.ended;
  await using _third = await startServer(port, port, "--data", folder.path);
  await using bob = await connect("Bob");
  const inbox = new Inbox(bob);
  await eventually("the last has come", () => inbox.from("Alice").includes("the last"));
  assertEquals(inbox.from("Alice"), accepted);
});

const enter = (...args: string[]) =>
  Process.run("tests/docs/enter.ts", args, { permissions: ["-A"], deadlineMs: 300_000 });
const canEnter = !ignoreUnless.run && Deno.build.os === "linux" && (await enter()).code === 0;
if (!canEnter && !ignoreUnless.run) {
  // deno-lint-ignore no-console -- says why a test is ignored
  console.log(
    "No disk is really filled: this needs Linux, unshare and ip, and root or a system that lets users create " +
      "namespaces.",
  );
}

Deno.test({
  name:
    "p2p server on a disk without a free byte has room again once messages are delivered, and repeats none",
  ignore: !canEnter,
  async fn() {
    const { code, stdout, stderr } = await enter("tests/p2p/server/store/full_disk/tiny_disk.ts");
    assertEquals(code, 0, [...stdout, ...stderr].join("\n"));
  },
});
