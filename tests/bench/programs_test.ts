import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Load } from "../../bench/peers/load.ts";
import { processTest as test, storageTest } from "../p2p/network.ts";
import { TestFolder } from "../folders.ts";
import { Process } from "../processes.ts";

const PEERS = "bench/peers/main.ts";
const GUARD = "bench/guard/main.ts";
const GENERATOR = "bench/peers/generator/main.ts";
const permissions = ["--allow-all"];

interface Measured {
  scenarios: {
    id: string;
    rows: { contender: string; values: (number | null)[]; failure?: string }[];
  }[];
}

storageTest(
  "bench:peers measures netlab, and writes tables, JSON, a chart and a page",
  async () => {
    using folder = new TestFolder();
    const file = (name: string) => `${folder.path}/${name}`;
    Deno.writeTextFileSync(
      folder.at("page.md"),
      "<!-- results: written by deno task bench:peers -->\n<!-- end of results -->\n",
    );
    const only = [
      "pair",
      "alone",
      "relay",
      "receipts",
      "durable",
      "idle",
      "leaving",
      "users-all",
      "start",
    ];
    const { code, stdout, stderr } = await Process.run(PEERS, [
      ...only.flatMap((id) => ["--only", id]),
      ...["--product", "netlab", "--rounds", "1", "--seconds", "0.4", "--users", "20"],
      ...["--json", file("all.json"), "--svg", file("chart.svg"), "--page", file("page.md")],
    ], { permissions, deadlineMs: 300_000 });
    assertEquals([code, stderr], [0, []], stdout.join("\n"));
    const read = (name: string) => Deno.readTextFileSync(folder.at(name));
    const { scenarios } = JSON.parse(read("all.json")) as Measured;
    assertEquals(scenarios.map(({ id }) => id), only);
    const rows = scenarios.flatMap(({ rows }) => rows);
    assertEquals(rows.length, 16);
    for (const { contender, values, failure } of rows) {
      assertEquals(failure, undefined, contender);
      // In so short a time, a busy machine may let nothing through; what was lost would be a failure.
      assertEquals(typeof values[0], "number", contender);
    }
    assert(stdout.some((line) => /^ {2}netlab, sessions +[\d,]+/.test(line)), stdout.join("\n"));
    assertMatch(read("chart.svg"), /<svg .*>[^]*netlab, legacy text[^]*<\/svg>/);
    assertMatch(read("page.md"), /### 1 pair, 64 B\n[^]*\| netlab, sessions /);
  },
);

storageTest("bench:guard finds a server whose core takes twice as long", async () => {
  const { code, stdout, stderr } = await Process.run(GUARD, [
    ...["--server", "tests/bench/slow_server.ts", "--baseline", "p2p/server.ts"],
    ...["--rounds", "1", "--seconds", "0.3"],
  ], { permissions, deadlineMs: 300_000, env: { NO_COLOR: "1" } });
  assertEquals([code, stderr], [1, []], stdout.join("\n"));
  assert(stdout.some((line) => line.endsWith("slower")), stdout.join("\n"));
});

/** Lets the generator send to a server that answers each read with what `answer` makes of it. */
async function loadServer(answer: (bytes: Uint8Array) => Uint8Array) {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const serving = (async () => {
    using connection = await listener.accept();
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let count; (count = await connection.read(buffer)) !== null;) {
        const bytes = answer(buffer.subarray(0, count));
        for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
  })();
  const load: Load = {
    ...{ kind: "rate", protocol: "echo", port, receiverPort: port, pids: [], tag: "0", size: 10 },
    ...{ warmMs: 20, ms: 100, lostMs: 300, pairs: 1, window: 100, stalled: 0 },
  };
  const finished = await Process.run(GENERATOR, [JSON.stringify(load)], { permissions });
  await serving;
  return finished;
}

test("the generator counts every message that comes back", async () => {
  const { code, stdout, stderr } = await loadServer((bytes) => bytes);
  assertEquals([code, stderr], [0, []]);
  const { rate, sent, generatorCpu } = JSON.parse(stdout[0]!);
  assert(rate > 0 && sent > 0 && generatorCpu >= 0, stdout[0]);
});

test("the generator fails when a message is lost", async () => {
  let lost = false;
  const { code, stdout, stderr } = await loadServer((bytes) => {
    if (lost || bytes.length < 20) return bytes;
    lost = true;
    return bytes.subarray(10);
  });
  assert(lost);
  assertEquals([code, stdout], [1, []]);
  assertMatch(stderr[0]!, /^1 of \d+ messages are lost$/);
});

test("the generator fails when a message comes twice", async () => {
  let repeated = false;
  const { code, stderr } = await loadServer((bytes) => {
    if (repeated || bytes.length < 20) return bytes;
    repeated = true;
    return Uint8Array.from([...bytes, ...bytes.subarray(0, 10)]);
  });
  assert(repeated);
  assertEquals(code, 1);
  assertMatch(stderr[0]!, /^More arrived than was sent/);
});

for (
  const [program, args, code, line] of [
    [PEERS, ["--help"], 0, "netlab bench:peers 0.1.0"],
    [GUARD, ["--help"], 0, "netlab bench:guard 0.1.0"],
    [
      PEERS,
      ["--only", "lunch"],
      2,
      'error: Option --only: "lunch" is no scenario: pair, pair-1k, ',
    ],
    [PEERS, ["--product", "x"], 2, 'error: Option --product: "x" is no product: netlab, echo, '],
    [
      PEERS,
      ["--rounds", "0"],
      2,
      'error: Option --rounds: "0" is not a whole number from 1 to 9,007,199,254,740,991',
    ],
    [PEERS, ["--svg", "nowhere/x.svg"], 1, "error: Cannot write nowhere/x.svg: "],
  ] as const
) {
  test(`${program} ${args.join(" ")} ends with ${code}: ${line}`, async () => {
    const env = { NO_COLOR: "1" };
    const finished = await Process.run(program, [...args], { permissions, env });
    assertEquals(finished.code, code);
    const first = (code === 0 ? finished.stdout : finished.stderr)[0]!;
    assert(first.startsWith(line), first);
  });
}
