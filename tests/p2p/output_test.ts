import { assertEquals, assertStringIncludes } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { linuxProcessTest } from "../kinds.ts";
import { DEADLINE_MS, freePort, freePorts, Process } from "../processes.ts";
import { eventually, Inbox, processTest, within } from "./network.ts";
import { CLIENT, event, PERMISSIONS, SERVER, startServer } from "./programs.ts";

const NO_SPACE =
  "error: Cannot write to standard output: no space left on device; make room, or write elsewhere";
const FULL = ["--preload=./tests/full_output.ts", "--allow-ffi"];
const NET = "--allow-net=127.0.0.1,localhost";

/** A program whose standard output the test reads up to a point, and then no more. */
class Piped implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  /** Reads only on demand: a read ahead would leave room in the pipe for one more write. */
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #read = "";

  constructor(program: string, args: string[], permissions: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", ...permissions, program, ...args],
      cwd: new URL("../..", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reader = this.#child.stdout.getReader();
  }

  /** Reads until the text is there. */
  async until(text: string): Promise<void> {
    while (!this.#read.includes(text)) {
      const { value, done } = await within(text, this.#reader.read());
      if (done) throw new Error(`It ended after ${this.#read}`);
      this.#read += new TextDecoder().decode(value);
    }
  }

  /** Types a line. */
  async write(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  /** Reads no more. */
  hangUp(): Promise<void> {
    return this.#reader.cancel();
  }

  /** How it ends, and what it said on standard error. */
  async finished(): Promise<{ code: number; errors: string }> {
    const errors = new Response(this.#child.stderr).text();
    const { code } = await within("its end", this.#child.status, DEADLINE_MS);
    return { code, errors: await errors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#child.stdin.close().catch(() => {});
    if (!this.#child.stderr.locked) await this.#child.stderr.cancel();
    await this.#reader.cancel().catch(() => {});
  }
}

linuxProcessTest(
  "p2p client program on a full disk acknowledges no message that it cannot write, and reports the failure",
  async () => {
    await using server = await P2pServer.listen();
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    const args = ["--name", "Alice", "--server", `${server.port}`];
    await using alice = Process.start(CLIENT, args, {
      permissions: [NET, ...FULL],
      stdin: "piped",
    });
    await alice.waitForError("connected to");
    const sent = await bob.send("Alice", "not to be lost");
    const { code, stderr } = await alice.finished();
    assertEquals([code, stderr], [1, [`connected to ${server.address}`, NO_SPACE]]);

    await using next = await P2pClient.connect({ name: "Alice", servers: [server.address] });
    const inbox = new Inbox(next);
    await within("its end", sent.delivered);
    assertEquals(inbox.lines, ["Bob: not to be lost"]);
  },
);

processTest(
  "p2p client program whose reader has gone acknowledges only messages that were read",
  async () => {
    await using server = await P2pServer.listen();
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    await using alice = new Piped(CLIENT, ["--name", "Alice", `${server.port}`], [NET]);
    const first = await bob.send("Alice", "read");
    await alice.until("Bob: read\n");
    await within("its end", first.delivered);
    await alice.hangUp();
    const second = await bob.send("Alice", "not read");
    assertEquals((await alice.finished()).code, 0);

    await using next = await P2pClient.connect({ name: "Alice", servers: [server.address] });
    const inbox = new Inbox(next);
    await within("its end", second.delivered);
    assertEquals(inbox.lines, ["Bob: not read"]);
  },
);

processTest(
  "p2p client program whose reader has gone still ends with 1 if a line failed before",
  async () => {
    await using server = await P2pServer.listen();
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    await using alice = new Piped(CLIENT, ["--name", "Alice", `${server.port}`], [NET]);
    await alice.write("/nonsense\n/users\n");
    await alice.until("Bob\n");
    await alice.hangUp();
    await bob.send("Alice", "not read");
    const { code, errors } = await alice.finished();
    assertEquals(code, 1);
    assertStringIncludes(errors, "There is no command /nonsense");
  },
);

linuxProcessTest(
  "p2p server program on a full disk continues without its log, and reports that once",
  async () => {
    const port = freePort();
    await using server = Process.start(SERVER, ["--port", `${port}`, "--peer", `${port}`], {
      permissions: [...PERMISSIONS, ...FULL],
    });
    const options = { name: "Alice", servers: [`127.0.0.1:${port}`] };
    await using alice = await eventually(
      "it listens",
      () => P2pClient.connect(options).catch(() => undefined),
    ) as P2pClient;
    const inbox = new Inbox(alice);
    await within("its end", (await alice.send("Alice", "served")).delivered);
    assertEquals(inbox.lines, ["Alice: served"]);
    server.kill("SIGTERM");
    const { code, stderr } = await server.finished();
    assertEquals([code, stderr], [0, [`${NO_SPACE} (log lines are lost)`]]);
  },
);

processTest(
  "p2p server program whose log reader has gone moves its users to another server",
  async () => {
    const [one, two] = freePorts(2) as [number, number];
    await using stays = await startServer(two, one);
    await using leaves = new Piped(SERVER, ["--port", `${one}`, "--peer", `${two}`], PERMISSIONS);
    await event(stays, "link.up");
    const states: string[] = [];
    await using alice = await P2pClient.connect({
      name: "Alice",
      servers: [`127.0.0.1:${one}`],
      onStatus: ({ state }) => states.push(state),
    });
    await using bob = await P2pClient.connect({ name: "Bob", servers: [`127.0.0.1:${one}`] });
    await leaves.until("Bob joined");
    await leaves.hangUp();
    // It notices when it writes the next line.
    await bob.close();
    assertEquals(await leaves.finished(), { code: 0, errors: "" });
    assertEquals(alice.server, `127.0.0.1:${two}`);
    assertEquals(states, ["connected", "connected"]);
  },
);
