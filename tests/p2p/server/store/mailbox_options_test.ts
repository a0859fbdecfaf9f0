import { assert, assertEquals } from "@std/assert";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { freePort, Process } from "../../../processes.ts";
import { eventually, Inbox, processTest as test, within } from "../../network.ts";
import { event, PERMISSIONS, SERVER, startServer } from "../../programs.ts";

/** The code and reason that a sender gets when a message is not stored, or expires. */
async function told(answer: Promise<unknown>): Promise<[code: number, message: string]> {
  try {
    await within("an answer", answer);
  } catch (error) {
    assert(error instanceof NetlabError, String(error));
    return [error.code, error.message];
  }
  throw new Error("Nothing was refused");
}

test("p2p server program stores up to --max-messages messages, and more when some were delivered", async () => {
  const port = freePort();
  await using _server = await startServer(port, port, "--max-messages", "2");
  const connect = (name: string) => P2pClient.connect({ name, servers: [`127.0.0.1:${port}`] });
  await using alice = await connect("Alice");
  await alice.send("Bob", "one");
  const { delivered } = await alice.send("Bob", "two");
  assertEquals(await told(alice.send("Bob", "three")), [
    ErrorCode.MailboxFull,
    "Cannot store a message for Bob: 2 messages wait for them, the server's limit; its operator can raise " +
    "--max-messages",
  ]);
  await alice.send("Carol", "one"); // it is so many for each
  await using bob = await connect("Bob");
  const inbox = new Inbox(bob);
  await within("their end", delivered);
  await alice.send("Bob", "four");
  await eventually("it has come", () => inbox.from("Alice").length === 3);
  assertEquals(inbox.from("Alice"), ["one", "two", "four"]);
});

test("p2p server program stores up to --max-bytes bytes", async () => {
  const port = freePort();
  await using _server = await startServer(port, port, "--max-bytes", "2500");
  await using alice = await P2pClient.connect({ name: "Alice", servers: [`127.0.0.1:${port}`] });
  const text = "x".repeat(1_000);
  for (let number = 0; number < 3; number++) await alice.send("Bob", text);
  assertEquals(await told(alice.send("Bob", "x")), [
    ErrorCode.MailboxFull,
    "Cannot store a message for Bob: 2,500 bytes of messages wait for them, the server's limit; its operator " +
    "can raise --max-bytes",
  ]);
});

test("p2p server program stores up to --max-total-messages messages, and passes others on to connected users", async () => {
  const port = freePort();
  await using _server = await startServer(
    ...([port, port, "--max-total-messages", "4", "--max-sender-percent", "50"] as const),
  );
  const connect = (name: string) => P2pClient.connect({ name, servers: [`127.0.0.1:${port}`] });
  await using alice = await connect("Alice");
  await using eve = await connect("Eve");
  const sent = await alice.send("Bob", "one");
  assertEquals(sent.notice, {
    code: ErrorCode.UnknownRecipient,
    message: "no one called Bob has been here since the server started; kept for 7 days",
  });
  await alice.send("Bob", "two");
  const [share] = await told(alice.send("Bob", "three"));
  assertEquals(share, ErrorCode.ShareUsedUp);
  for (const text of ["one", "two"]) await eve.send("Bob", text);
  const [total] = await told(eve.send("Bob", "three"));
  assertEquals(total, ErrorCode.StorageFull);
  // Both are connected. The message is taken when the program asks for the next one.
  const inbox = new Inbox(eve);
  const passed = await alice.send("Eve", "hello");
  assertEquals(passed.notice?.code, ErrorCode.NotStored);
  assertEquals(await passed.delivered, "delivered");
  assertEquals(inbox.lines, ["Alice: hello"]);
});

test("p2p server program stores messages for --max-days days", async () => {
  const port = freePort();
  await using server = Process.start(SERVER, [
    ...["--port", `${port}`, "--peer", `127.0.0.1:${port}`, "--max-days", "1", "--json"],
  ], {
    permissions: ["--preload=./tests/p2p/server/store/tomorrow.ts", ...PERMISSIONS],
    stdin: "piped",
  });
  await event(server, "listening");
  const connect = (name: string) => P2pClient.connect({ name, servers: [`127.0.0.1:${port}`] });
  await using alice = await connect("Alice");
  const { delivered } = await alice.send("Bob", "old");
  await server.write("tomorrow\n");
  assertEquals(await told(delivered), [
    ErrorCode.TimedOut,
    "Cannot deliver to Bob: the message waited for too long",
  ]);
  await alice.send("Bob", "new");
  await using bob = await connect("Bob");
  const inbox = new Inbox(bob);
  await eventually("something has come", () => inbox.messages.length > 0);
  assertEquals(inbox.lines, ["Alice: new"]);
});

for (
  const [args, complaint] of [
    [
      ["--max-messages", "0"],
      'Option --max-messages: "0" is not a whole number from 1 to 9,007,199,254,740,991',
    ],
    [
      ["--max-messages", "many"],
      'Option --max-messages: "many" is not a whole number from 1 to 9,007,199,254,740,991',
    ],
    [
      ["--max-bytes", "16M"],
      'Option --max-bytes: "16M" is not a whole number from 1 to 9,007,199,254,740,991',
    ],
    [
      ["--max-bytes", "-1"],
      'Option --max-bytes: "-1" is not a whole number from 1 to 9,007,199,254,740,991',
    ],
    [["--max-days", "0.5"], 'Option --max-days: "0.5" is not a whole number from 1 to 36,500'],
    [["--max-days", "99999"], 'Option --max-days: "99999" is not a whole number from 1 to 36,500'],
    [["--max-days", ""], "Option --max-days needs a value: --max-days N"],
    [["--data", ""], "Option --data needs a value: --data DIR"],
  ] as const
) {
  test(`p2p server program with ${args.join(" ")} reports the invalid value`, async () => {
    const { code, stdout, stderr } = await Process.run(SERVER, [...args], { permissions: [] });
    assertEquals([code, stdout, stderr], [2, [], [`error: ${complaint}`]]);
  });
}
