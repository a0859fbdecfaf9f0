/**
 * A server with a data folder on a disk of a few megabytes, which is really full: a file system in memory. Only for
 * `tests/docs/enter.ts`, which makes it root of its own machine.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { TestFolder } from "../../../../folders.ts";
import { freePort } from "../../../../processes.ts";
import { eventually, Inbox } from "../../../network.ts";
import { event, startServer } from "../../../programs.ts";

const PADDING = "x".repeat(2_000);
/** The size of the disk: megabytes. */
const SIZE = 5;

run("ip", "link", "set", "lo", "up");
using folder = new TestFolder();
const disk = `${folder.path}/disk`;
Deno.mkdirSync(disk);
run("mount", "-t", "tmpfs", "-o", `size=${SIZE}m`, "tmpfs", disk);
using _mounted = { [Symbol.dispose]: () => run("umount", disk) };
const data = `${disk}/data`;
const port = freePort();
const connect = (name: string) => P2pClient.connect({ name, servers: [`127.0.0.1:${port}`] });

{
  await using first = await startServer(port, port, "--data", data);
  await using alice = await connect("Alice");
  const accepted: string[] = [];
  // Several recipients, because the server stores a limited number of messages for each.
  const recipients = ["Bob", "Cid", "Dora"];
  const send = async (to: string, text: string) => {
    await alice.send(to, text);
    accepted.push(text);
  };
  const fill = async () => {
    for (let number = 0;; number++) {
      try {
        await send(recipients[number % 3]!, `${number} ${PADDING}`);
      } catch (error) {
        return error;
      }
    }
  };
  const refusal = await fill();
  assert(refusal instanceof NetlabError && refusal.code === ErrorCode.StorageFailed, `${refusal}`);
  await event(first, "storage.failed");
  assert(accepted.length > 500, `${accepted.length} accepted`);

  // The disk is full. When its messages are delivered, it has room again.
  const inboxes: Inbox[] = [];
  await using stack = new AsyncDisposableStack();
  for (const name of recipients) inboxes.push(new Inbox(stack.use(await connect(name))));
  const received = () => inboxes.flatMap((inbox) => inbox.from("Alice"));
  await eventually("all has come", () => received().length >= accepted.length);
  await eventually(
    "there is room",
    () => send("Bob", `more ${PADDING}`).then(() => true, () => false),
  );
  await event(first, "storage.restored");
  await eventually("that has come, too", () => received().length >= accepted.length);
  assertEquals(received().sort(), accepted.toSorted());
  // When this one is stored, everything that was delivered is removed.
  await alice.send("Eve", "stored");
  first.kill("SIGKILL");
  await first.ended;
}

await using _second = await startServer(port, port, "--data", data);
for (const name of ["Bob", "Cid", "Dora"]) {
  await using again = await connect(name);
  const inbox = new Inbox(again);
  await again.send(name, "nothing else");
  await eventually("a message has come", () => inbox.messages.length > 0);
  assertEquals(inbox.lines, [`${name}: nothing else`], "nothing comes twice");
}

function run(...[command, ...args]: string[]): void {
  const { success } = new Deno.Command(command!, { args }).outputSync();
  assert(success, `${command} ${args.join(" ")} failed`);
}
