import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { describeError, terminalLogger } from "@netlab/terminal";
import { LogWriter, MAX_WAITING } from "../../terminal/output/log_writer.ts";
import { Output, OutputError } from "../../terminal/output/output.ts";
import { pureTest as test } from "../kinds.ts";

/** A stream that takes bytes when the test lets it. */
class SlowStream {
  /** What was written. */
  text = "";
  /** How many bytes each write had. */
  readonly sizes: number[] = [];
  /** The next writes fail with these errors. */
  readonly errors: Error[] = [];
  #opened = Promise.withResolvers<void>();

  constructor(isOpen: boolean) {
    if (isOpen) this.open();
  }

  /** Takes everything from now on. */
  open(): void {
    this.#opened.resolve();
  }

  /** Takes nothing from now on. */
  block(): void {
    this.#opened = Promise.withResolvers();
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.#opened.promise;
    return this.writeSync(bytes);
  }

  writeSync(bytes: Uint8Array): number {
    const error = this.errors.shift();
    if (error) throw error;
    this.sizes.push(bytes.length);
    this.text += new TextDecoder().decode(bytes);
    return bytes.length;
  }

  /** The lines that were written. */
  get lines(): string[] {
    return this.text.split("\n").slice(0, -1);
  }
}

/** An output that writes while the program waits. */
function outputTo(stream: SlowStream): Output {
  const output = new Output(stream);
  output.blocking = false;
  return output;
}

test("Output neither waits for a stream that takes nothing, nor loses text", async () => {
  const stream = new SlowStream(false);
  const output = outputTo(stream);
  for (let line = 0; line < 1_000; line++) output.add(`line ${line}\n`);
  assertEquals([stream.text, output.busy], ["", true]);
  stream.open();
  await output.written();
  assertEquals(stream.lines, Array.from({ length: 1_000 }, (_, line) => `line ${line}`));
  assertEquals(output.busy, false);
});

test("Output writes text that is added while the last write ends", async () => {
  const stream = new SlowStream(true);
  const output = outputTo(stream);
  for (let line = 0; line < 100; line++) {
    output.add(`${line}\n`);
    // Another number of turns each time, so that the end of a write is hit, too.
    for (let turn = 0; turn < line % 12; turn++) await Promise.resolve();
  }
  await output.written();
  assertEquals(stream.lines.length, 100);
});

test("Output writes whole lines, as many as a pipe takes at once", async () => {
  const stream = new SlowStream(true);
  const output = outputTo(stream);
  output.add(`${"x".repeat(1_000)}\n`.repeat(10) + "y".repeat(9_000) + "\nend");
  await output.written();
  // Four lines; four; two and a part of the long one, which does not fit into one part.
  assertEquals(stream.sizes, [4_004, 4_004, 2_002, 4_096, 4_096, 812]);
});

test("Output reports text that cannot be written, and goes on", async () => {
  const stream = new SlowStream(true);
  const output = outputTo(stream);
  const failures: OutputError[] = [];
  output.onFailure = (error) => failures.push(error);
  stream.errors.push(new Deno.errors.BrokenPipe("Broken pipe"));
  output.add("lost\n");
  const error = await assertRejects(() => output.written(), OutputError);
  assertEquals([error.nobodyReads, failures], [true, [error]]);
  output.add("not lost\n");
  await assertRejects(() => output.written(), OutputError);
  assertEquals(stream.text, "not lost\n");
});

test("Output writes what follows an empty text", async () => {
  const stream = new SlowStream(true);
  const output = outputTo(stream);
  output.add("");
  assertEquals(output.busy, false);
  output.add("now\n");
  await output.written();
  assertEquals([stream.text, output.busy], ["now\n", false]);
});

test("Output that blocks has written the text when add returns, or throws", () => {
  const stream = new SlowStream(false);
  const output = new Output(stream);
  output.add("now\n");
  assertEquals(stream.text, "now\n");
  stream.errors.push(new Deno.errors.WouldBlock("full"));
  output.add("soon\n");
  assertEquals(stream.text, "now\nsoon\n");
  stream.errors.push(new Error("no space"));
  assertThrows(() => output.add("never\n"), OutputError);
});

/** A writer, and the failures that it reports. */
function writerTo(stream: SlowStream): { writer: LogWriter; failures: OutputError[] } {
  const failures: OutputError[] = [];
  const writer = new LogWriter(stream, {
    dropped: (lines) => `${lines} dropped`,
    failed: (error) => failures.push(error),
  });
  return { writer, failures };
}

test("LogWriter drops lines when too many wait, and says in their place how many", async () => {
  const stream = new SlowStream(false);
  const { writer } = writerTo(stream);
  const line = (name: string) => name.padEnd(MAX_WAITING / 8 - 1, ".");
  // The first line is being written, eight more wait.
  const names = Array.from({ length: 20 }, (_, index) => `line ${index}`);
  for (const name of names) writer.add(line(name));
  writer.add("a short one, which would fit");
  stream.open();
  await writer.written();
  writer.add("after");
  await writer.written();
  assertEquals(
    stream.lines.map((each) => each.replace(/\.+$/, "")),
    [...names.slice(0, 9), "12 dropped", "after"],
  );
});

test("LogWriter never holds more than twice its limit, however long nobody reads", async () => {
  const stream = new SlowStream(false);
  const { writer } = writerTo(stream);
  for (let line = 0; line < 100_000; line++) writer.add("x".repeat(99));
  stream.open();
  await writer.written();
  assert(stream.text.length <= 2 * MAX_WAITING, `${stream.text.length}`);
  const dropped = stream.lines.map((line) => /^(\d+) dropped$/.exec(line)).find((match) => match);
  assertEquals(stream.lines.length - 1 + Number(dropped![1]), 100_000);
});

test("LogWriter tries again after a failure, reports it once, and loses no line", async () => {
  const stream = new SlowStream(true);
  const { writer, failures } = writerTo(stream);
  stream.errors.push(new Error("no space"), new Error("no space"));
  writer.add("one");
  await writer.written();
  assertEquals([stream.text, failures.length], ["", 1]);
  assertInstanceOf(failures[0], OutputError);
  writer.add("two");
  while (stream.lines.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  assertEquals([stream.lines, failures.length], [["one", "two"], 1]);
  stream.errors.push(new Error("no space"));
  writer.add("three");
  await writer.written();
  assertEquals(failures.length, 2);
  while (stream.lines.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
});

test("terminalLogger never throws, whatever it is to log", async () => {
  const stream = new SlowStream(true);
  const { write } = Deno.stdout;
  Deno.stdout.write = (bytes) => stream.write(bytes);
  try {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const hostile = {
      toJSON() {
        throw new Error("no");
      },
    };
    for (const json of [false, true]) {
      const logger = terminalLogger({ json });
      logger.info("{it}", { it: circular });
      logger.info("{it}", { it: hostile });
      logger.info("{it}", { it: { big: 1n } });
      logger.info("{it}", { it: Symbol("s") });
    }
    while (stream.lines.length < 8) await Promise.resolve();
  } finally {
    Deno.stdout.write = write;
  }
  assertEquals(stream.lines.filter((line) => line.includes("Cannot log")).length >= 4, true);
});

test("describeError says that the reader of the output has gone", () => {
  const error = new OutputError(new Deno.errors.BrokenPipe("Broken pipe (os error 32)"));
  assertEquals(describeError(error), "Cannot write to standard output: its reader has gone");
});
