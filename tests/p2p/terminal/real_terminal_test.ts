import { assert, assertEquals, assertFalse } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { eventually, Inbox, processTest } from "../network.ts";
import { CLIENT } from "../programs.ts";
import { Shell } from "./shell.ts";

/** Escape sequences that set a style. */
// deno-lint-ignore no-control-regex
const STYLE = /\x1b\[[\d;]*m/;

/** What a client in a terminal talks to. */
interface Scene {
  readonly shell: Shell;
  readonly server: P2pServer;
  readonly bob: P2pClient;
  /** What Bob has received. */
  readonly inbox: Inbox;
}

/** Starts a client for Alice. `program` stands before its arguments. */
function startAlice({ shell, server }: Scene, program: string, more = ""): void {
  shell.type(`${program} --name Alice ${more} ${server.address}\r`);
}

const RUN = `${Deno.execPath()} run --allow-net --allow-run=ps --allow-env=TERM ${CLIENT}`;

function test(name: string, run: (scene: Scene) => Promise<void>): void {
  processTest(`p2p client program in a terminal ${name}`, async () => {
    await using shell = await Shell.start();
    // Nothing can be tested on a machine without script or bash.
    if (!shell) return;
    await using server = await P2pServer.listen();
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    await run({ shell, server, bob, inbox: new Inbox(bob) });
  });
}

test("is stopped by ctrl-Z, goes on after fg, and leaves the terminal as it was", async (scene) => {
  const { shell, bob, inbox } = scene;
  startAlice(scene, `TERM=xterm ${RUN}`, "--timestamps off");
  await shell.shows(/^Type RECIPIENT/m);
  shell.type("Bob Hel");
  await shell.shows(/^Alice> Bob Hel$/m);
  shell.type("\x1a");
  await shell.shows(/Stopped/);
  await bob.send("Alice", "while stopped");
  shell.type("echo in the shell\r");
  await shell.shows(/^in the shell$/m);
  shell.type("fg\r");
  await shell.shows(/^Bob: while stopped\nAlice \(1 unread\)> Bob Hel$/m);
  shell.type("lo\r");
  await eventually("Bob has it", () => inbox.lines.length > 0);
  assertEquals(inbox.lines, ["Alice: Hello"]);
  await shell.shows(/^→ Bob: Hello {2}✓✓\nAlice>$/m);
  shell.type("\x03");
  await shell.shows(/READY$/);
  shell.type(
    "clear; echo code $?; stty -a | tr ' ;' '\\n\\n' | grep -x -e '-*icanon' -e '-*echo'\r",
  );
  await shell.shows(/^code 0\nicanon\necho$/m);
});

test("under deno task says at ctrl-Z that it cannot be stopped, and goes on", async (scene) => {
  const { shell, inbox } = scene;
  startAlice(scene, `${Deno.execPath()} task p2p:client`);
  await shell.shows(/^Type RECIPIENT/m);
  shell.type("Bob Hel\x1alo\r");
  await shell.shows(/^Ctrl-Z does nothing under deno task/m);
  await eventually("Bob has it", () => inbox.lines.length > 0);
  assertEquals(inbox.lines, ["Alice: Hello"]);
});

test("writes plain lines to a dumb one, and no colours with NO_COLOR", async (scene) => {
  const { shell, bob, inbox } = scene;
  startAlice(scene, `TERM=dumb ${RUN}`);
  await shell.shows(/^connected to/m);
  await bob.send("Alice", "Hello \x1b[31mred");
  await shell.shows(/^Bob: Hello/m);
  shell.type("Bob one\r");
  await eventually("Bob has it", () => inbox.lines.length > 0);
  shell.type("/help\r");
  await shell.shows(/^\/quit/m);
  // Deno itself clears the line before the program starts.
  const dumb = shell.output.slice(shell.output.indexOf("connected to"));
  assertFalse(dumb.includes("\x1b"), JSON.stringify(dumb));
  shell.type("\x03");
  await shell.shows(/READY$/);

  const seen = shell.output.length;
  startAlice(scene, `clear; NO_COLOR=1 TERM=xterm ${RUN}`);
  await shell.shows(/^Type RECIPIENT/m);
  shell.type("Bob two\r");
  await shell.shows(/^\d\d:\d\d → Bob: two {2}✓✓$/m);
  assertFalse(STYLE.test(shell.output.slice(seen)));
  assert(inbox.lines.includes("Alice: two"));
});
