import { assert, assertEquals } from "@std/assert";
import {
  isForeground,
  isPersonThere,
  type KeySource,
  ownsTerminal,
  stopsTogether,
  typeLine,
} from "@netlab/terminal";
import { pureTest as test } from "../kinds.ts";

/** A terminal in which a test types. */
class Keys implements KeySource {
  readonly secondMs = 20;
  written = "";
  modes: boolean[] = [];
  /** Whether a read waits for keys. */
  reading = false;
  #take: ((keys: string | null) => void) | undefined;

  readonly setRaw = (isRaw: boolean) => void this.modes.push(isRaw);
  readonly write = (text: string) => {
    this.written += text;
    if (text === "\x1b[5n") void this.type("\x1b[0n");
  };
  readonly read = async (buffer: Uint8Array): Promise<number | null> => {
    this.reading = true;
    const keys = await new Promise<string | null>((resolve) => this.#take = resolve);
    this.reading = false;
    return keys === null ? null : new TextEncoder().encodeInto(keys, buffer).written;
  };

  /** Presses keys, or ends the input, and waits until that was handled. */
  async type(keys: string | null): Promise<void> {
    this.#take!(keys);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

const { signal } = new AbortController();

test("a question that nobody answers ends in time, and leaves no read behind", async () => {
  const keys = new Keys();
  assertEquals(await typeLine("Index [0]", 3, signal, keys), "");
  for (const left of [3, 2, 1]) assert(keys.written.includes(`Index [0] (taken in ${left} s): `));
  assertEquals([keys.reading, keys.modes], [false, [true, false]]);
});

test("a question that gets the end of an input from before it was asked ends in time", async () => {
  const keys = new Keys();
  const asking = typeLine("Index [0]", 3, signal, keys);
  await keys.type("\0");
  assertEquals(await asking, "");
});

test("a question whose countdown a key has stopped waits for the rest of the answer", async () => {
  const keys = new Keys();
  const asking = typeLine("Index [0]", 3, signal, keys);
  await keys.type("1");
  // By then, the countdown would have ended as well.
  await typeLine("", 4, signal, new Keys());
  assert(keys.written.endsWith("Index [0]: 1"), JSON.stringify(keys.written));
  await keys.type("2\x7f");
  await keys.type("\x1b[A");
  await keys.type("\r");
  assertEquals(await asking, "1");
  assertEquals([keys.reading, keys.modes], [false, [true, false]]);
});

test("a question shows an answer that arrives together with Enter", async () => {
  const keys = new Keys();
  const asking = typeLine("Index [0]", 3, signal, keys);
  await keys.type("12\r");
  assertEquals(await asking, "12");
  assert(keys.written.endsWith("Index [0]: 12\n"), JSON.stringify(keys.written));
});

test("a question with a countdown ends with the input and with the signal", async () => {
  for (const end of ["\x04", null]) {
    const keys = new Keys();
    const asking = typeLine("Index", 3, signal, keys);
    await keys.type(end);
    assertEquals(await asking, undefined);
  }
  const stop = new AbortController();
  const asking = typeLine("Index", 3, stop.signal, new Keys());
  stop.abort();
  assertEquals(await asking, undefined);
});

test("nobody is there unless the terminal delivers its input to this program", () => {
  assertEquals(ownsTerminal(" 4711  4711\n"), true);
  assertEquals(ownsTerminal("4711 42\n"), false);
  assertEquals(ownsTerminal("4711 -1\n"), false);
  for (const text of ["", "?", "4711", "PGID TPGID\n"]) assertEquals(ownsTerminal(text), undefined);
  // Without the permission to ask, and without a terminal.
  assertEquals([isForeground(), isPersonThere()], [undefined, false]);
});

test("stopsTogether finds deno task among the processes for which the shell waits", () => {
  const list = (command: string, group = 40) =>
    `    1     1 /sbin/init\n   ${group}    ${group} ${command}\n` +
    "  77   40 /usr/bin/deno run -A p2p/client.ts --name task x\n";
  const runners = [
    "deno task p2p:client",
    "/usr/bin/deno --quiet task x",
    "deno --config deno.json task x",
    "/home/a b/deno task",
    "node /usr/bin/deno task x",
  ];
  for (const command of runners) {
    assertEquals(stopsTogether(list(command), 77), false, command);
    assertEquals(stopsTogether(list(command, 41), 77), true, "another group");
  }
  for (const command of ["-zsh", "npm exec deno run task.ts", "deno run task x", "task x"]) {
    assertEquals(stopsTogether(list(command), 77), true, command);
  }
  assertEquals(stopsTogether(list("-zsh"), 78), false, "it does not know itself");
  assertEquals(stopsTogether("", 77), false);
});
