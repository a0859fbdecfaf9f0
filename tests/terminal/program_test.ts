import { assertEquals, assertMatch } from "@std/assert";
import { Process } from "../processes.ts";
import { linuxProcessTest, processTest as test, unixProcessTest } from "../kinds.ts";
import { Piped } from "../piped.ts";

const SAMPLE = "tests/terminal/sample_program.ts";
const NO_PERMISSIONS = { permissions: [] };

test("runProgram shows help at 80 columns", async () => {
  const { code, stdout, stderr } = await Process.run(SAMPLE, ["--help"], NO_PERMISSIONS);
  assertEquals({ code, stderr }, { code: 0, stderr: [] });
  assertEquals(stdout, [
    "sample 1.2.3",
    "Has one option of every kind, and a summary that is longer than a line of a",
    "terminal is.",
    "",
    "Usage: sample [options]",
    "",
    "Options:",
    "  --do TEXT           What to do. Default: values.",
    "  --port PORT         A port. Default: 5001.",
    "  --index N           An index.",
    "  --every SECONDS     A duration.",
    "  --peer [HOST:]PORT  Addresses. Repeatable.",
    "  --json              A flag.",
    "  -h, --help          Show this help.",
    "  -V, --version       Show the version.",
    "",
    "Examples:",
    "  sample --port 1",
    "      Does it on port 1",
  ]);
});

test("runProgram shows the version", async () => {
  const { code, stdout } = await Process.run(SAMPLE, ["--version"], NO_PERMISSIONS);
  assertEquals({ code, stdout }, { code: 0, stdout: ["sample 1.2.3"] });
});

test("runProgram shows the version despite other options, except for help", async () => {
  for (const args of [["--ports", "--version"], ["-V", "--port", "x"]]) {
    const { code, stdout } = await Process.run(SAMPLE, args, NO_PERMISSIONS);
    assertEquals({ code, stdout }, { code: 0, stdout: ["sample 1.2.3"] });
  }
  const help = await Process.run(SAMPLE, ["--version", "-h"], NO_PERMISSIONS);
  assertEquals([help.code, help.stdout[3]], [0, ""]);
  const text = await Process.run(SAMPLE, ["--", "--version"], NO_PERMISSIONS);
  assertEquals([text.code, text.stdout], [2, []]);
});

const failures: [what: string, code: number, line: string][] = [
  ["throw", 1, "error: no luck: connection refused; is a server running there?"],
  ["reject unawaited", 1, "error: nobody caught this"],
  ["throw in a timer", 1, "error: nobody caught this"],
];
for (const [what, expected, line] of failures) {
  test(`runProgram ends with one line after "${what}"`, async () => {
    const { code, stdout, stderr } = await Process.run(SAMPLE, ["--do", what], NO_PERMISSIONS);
    assertEquals({ code, stdout, stderr }, { code: expected, stdout: [], stderr: [line] });
  });
}

test("runProgram ends with 2 and one line when the command line is wrong", async () => {
  const { code, stdout, stderr } = await Process.run(SAMPLE, ["--ports", "1"], NO_PERMISSIONS);
  assertEquals({ code, stdout }, { code: 2, stdout: [] });
  assertEquals(stderr, [
    "error: Unknown option --ports: did you mean --port? (--help lists them all)",
  ]);
});

test("runProgram ends with the exit code that the program returns", async () => {
  assertEquals((await Process.run(SAMPLE, ["--do", "exit"], NO_PERMISSIONS)).code, 7);
});

const signals = [["SIGHUP", 129], ["SIGINT", 130], ["SIGQUIT", 131], ["SIGTERM", 143]] as const;
for (const [signal, exitCode] of Deno.build.os === "windows" ? [] : signals) {
  test(`runProgram ends with 0 after ${signal} when the program ends in good order`, async () => {
    await using sample = Process.start(SAMPLE, ["--do", "wait"], NO_PERMISSIONS);
    await sample.waitFor("waiting");
    sample.kill(signal);
    const { code, stdout, stderr } = await sample.finished();
    assertEquals([code, stdout, stderr], [0, ["waiting", "stopping"], []]);
  });

  test(`runProgram ends with ${exitCode} after ${signal} when the program has not finished its work`, async () => {
    await using sample = Process.start(SAMPLE, ["--do", "throw if aborted"], NO_PERMISSIONS);
    await sample.waitFor("waiting");
    sample.kill(signal);
    const { code, stderr } = await sample.finished();
    assertEquals([code, stderr], [exitCode, [
      `error: Stopped by ${signal} before the work was finished`,
    ]]);
  });

  test(`runProgram ends at once after a second ${signal}`, async () => {
    await using sample = Process.start(SAMPLE, ["--do", "ignore signals"], NO_PERMISSIONS);
    await sample.waitFor("waiting");
    sample.kill(signal);
    await sample.waitFor("stopping");
    // A signal that comes together with the first does not count as the second.
    const again = setInterval(() => sample.kill(signal), 50);
    assertEquals((await sample.finished()).code, exitCode);
    clearInterval(again);
  });
}

test("interrupt acts like ctrl-C, the first and the second time", async () => {
  const { code, stdout } = await Process.run(SAMPLE, ["--do", "interrupt itself"], NO_PERMISSIONS);
  assertEquals([code, stdout], [130, ["stopping"]]);
});

const unread: [what: string, code: number, said: string][] = [
  ["print for ever", 141, ""],
  ["print in a timer", 0, "in good order\n"],
  ["print and finish", 7, "done\n"],
];
for (const [what, expected, said] of unread) {
  test(`a program that does "${what}" ends silently with ${expected} when its reader has gone`, async () => {
    await using sample = new Piped(SAMPLE, ["--do", what], []);
    await sample.until("\n");
    await sample.hangUp();
    assertEquals(await sample.finished(), { code: expected, errors: said });
  });
}

for (const flag of ["--help", "--version"]) {
  test(`runProgram ends with 0 when nobody reads the answer to ${flag}`, async () => {
    await using sample = new Piped(SAMPLE, [flag], []);
    await sample.hangUp();
    assertEquals(await sample.finished(), { code: 0, errors: "" });
  });
}

for (const [what, said] of [["print for ever", "waiting"], ["print and finish", "done"]] as const) {
  unixProcessTest(`a program that does "${what}" obeys signals while nobody reads`, async () => {
    await using sample = new Piped(SAMPLE, ["--do", what], []);
    await sample.untilError(said);
    sample.kill("SIGTERM");
    assertEquals((await sample.finished()).code, 143);
  });
}

/** Returns the options for a program whose standard output a module changes before it runs. */
const withOutput = (module: string) => ({
  permissions: [`--preload=./tests/${module}`, "--allow-ffi"],
});

linuxProcessTest("print ends the program with one line when the disk is full", async () => {
  const { code, stdout, stderr } = await Process.run(SAMPLE, [], withOutput("full_output.ts"));
  assertEquals([code, stdout], [1, []]);
  assertEquals(stderr, [
    "error: Cannot write to standard output: no space left on device; make room, or write elsewhere",
  ]);
});

linuxProcessTest(
  "a program that prints in a timer ends in good order when the disk is full",
  async () => {
    const args = ["--do", "print in a timer"];
    const { code, stderr } = await Process.run(SAMPLE, args, withOutput("full_output.ts"));
    assertEquals([code, stderr], [1, [
      "in good order",
      "error: Cannot write to standard output: no space left on device; make room, or write elsewhere",
    ]]);
  },
);

linuxProcessTest("print waits for a slow reader of a pipe that does not block", async () => {
  const args = ["--do", "print much"];
  const { code, stdout, stderr } = await Process.run(
    SAMPLE,
    args,
    withOutput("nonblocking_output.ts"),
  );
  assertEquals([code, stderr], [0, []]);
  assertEquals(stdout, Array.from({ length: 3_000 }, (_, at) => String(at + 1).repeat(100)));
});

linuxProcessTest(
  "terminalLogger continues when its lines cannot be written, and reports that once",
  async () => {
    const args = ["--do", "log"];
    const { code, stderr } = await Process.run(SAMPLE, args, withOutput("full_output.ts"));
    assertEquals([code, stderr], [0, ["Cannot write to standard output, nobody reads: false"]]);
  },
);

test("ask returns the default for an empty line, and repeats the question after a wrong answer", async () => {
  await using first = Process.start(SAMPLE, ["--do", "ask"], { permissions: [], stdin: "piped" });
  await first.write("\n");
  assertEquals((await first.finished()).stdout, ['Color [blue]: color "blue"']);

  await using second = Process.start(SAMPLE, ["--do", "ask"], { permissions: [], stdin: "piped" });
  await second.write("bad\n");
  await second.waitFor("Color [blue]: bad it is: try again");
  await second.write("  dark ");
  await second.write("red \n");
  assertEquals((await second.finished()).stdout[1], 'Color [blue]: color "dark red"');
});

test("ask returns no answer when the input ends or a signal comes", async () => {
  await using ended = Process.start(SAMPLE, ["--do", "ask"], { permissions: [], stdin: "piped" });
  await ended.endInput();
  const { code, stdout } = await ended.finished();
  assertEquals({ code, stdout }, { code: 0, stdout: ["Color [blue]: ", "no answer"] });

  for (const [signal] of Deno.build.os === "windows" ? [] : signals) {
    await using stopped = Process.start(SAMPLE, ["--do", "ask"], {
      permissions: [],
      stdin: "piped",
    });
    await stopped.write("bad\n");
    await stopped.waitFor("try again");
    stopped.kill(signal);
    assertEquals((await stopped.finished()).stdout.at(-1), "no answer");
  }
});

test("terminalLogger writes lines of text for people", async () => {
  const { code, stdout, stderr } = await Process.run(SAMPLE, ["--do", "log"], NO_PERMISSIONS);
  assertEquals({ code, stderr }, { code: 0, stderr: [] });
  for (const line of stdout) assertMatch(line, /^\d\d:\d\d:\d\d /);
  assertEquals(stdout.map((line) => line.slice(9)), [
    "linked to 127.0.0.1:5002",
    "slow: Eve\uFFFD[2J Bob",
    'lost 1 of {"sent":2}',
  ]);
});

test("terminalLogger writes lines of JSON for programs", async () => {
  const { stdout } = await Process.run(SAMPLE, ["--do", "log", "--json"], NO_PERMISSIONS);
  const records = stdout.map((line) => JSON.parse(line));
  for (const { time } of records) assertEquals(new Date(time).toISOString(), time);
  assertEquals(records.map(({ time: _, ...record }) => record), [
    { level: "info", message: "linked to 127.0.0.1:5002", peer: "127.0.0.1:5002", hops: 2 },
    { level: "warn", message: "slow: Eve\uFFFD[2J Bob", user: "Eve\x1b[2J\nBob", error: "x" },
    { level: "error", message: 'lost 1 of {"sent":2}', count: 1, all: { sent: 2 } },
  ]);
});
