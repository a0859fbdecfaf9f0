import { assert, assertEquals, assertMatch } from "@std/assert";
import { P2pClient, P2pServer } from "@netlab/p2p";
import { eventually, nextMessage, processTest as test } from "../p2p/network.ts";
import { Process } from "../processes.ts";

const LAB = "lab/terminal/lab.ts";
const permissions = [
  "--allow-net=127.0.0.1,localhost",
  "--allow-read=.",
  "--allow-write=./data",
  `--allow-run=${Deno.execPath()}`,
];
/** Each run stores messages in a folder of its own, and removes it. */
const dataFolder = () => ["--data", `data/lab-test-${crypto.randomUUID()}`];

test("lab run starts servers, loads them, and says what it found", async () => {
  const args = ["run", "--servers", "3", "--clients", "6", "--messages", "200", "--rate", "500"];
  const { code, stdout, stderr } = await Process.run(
    LAB,
    [...args, "--seed", "4", ...dataFolder()],
    {
      permissions,
    },
  );
  assertEquals([code, stderr], [0, []], stdout.join("\n"));
  assertMatch(stdout[0]!, /^ +\d+\.\ds +3 p2p servers run in processes of their own, all linked$/);
  assert(
    stdout.includes(
      "Guarantees kept: no accepted message was lost, none was seen twice, and order held",
    ),
  );
  assert(stdout.includes("  sent 200, accepted 200, refused 0, seen 200, unknown 0"));
  assert(
    stdout.some((line) =>
      /^ {2}posted 200, seen \d+, (guaranteed \d+|none guaranteed, .*)$/.test(line)
    ),
    stdout.join("\n"),
  );
  assert(!stdout.some((line) => line.includes("\x1b")), "a pipe is no terminal");
});

test("lab run kills servers, breaks links, and ends with the exit code of its findings", async () => {
  const { code, stdout, stderr } = await Process.run(LAB, [
    ...["run", "--servers", "3", "--clients", "6", "--seconds", "2.5", "--rate", "200"],
    ...["--kill-every", "0.7", "--faults", "--system", "rtt", "--seed", "11", "--json"],
    ...dataFolder(),
  ], { permissions });
  assertEquals(stderr, []);
  assertEquals(stdout.length, 1);
  const findings = JSON.parse(stdout[0]!);
  assertEquals(findings.seed, 11);
  assert(findings.kills >= 2, `${findings.kills} kills`);
  assert(findings.sent > 200 && findings.accepted > 0);
  const { lost, duplicated, unexpected, outOfOrder } = findings;
  assertEquals([lost, duplicated, unexpected, outOfOrder], [[], [], [], []]);
  assertEquals(code, findings.exitCode);
});

test("lab run moves users from server to server, and every message arrives once and in order", async () => {
  const { code, stdout } = await Process.run(LAB, [
    ...["run", "--servers", "3", "--clients", "20", "--seconds", "2", "--rate", "500"],
    ...["--switch-every", "0.01", "--system", "rtt", "--memory", "--json"],
  ], { permissions });
  const { switches, sent, accepted, seen } = JSON.parse(stdout[0]!);
  assert(switches >= 50, `${switches} switches`);
  assertEquals([code, accepted, seen], [0, sent, sent], stdout[0]);
});

test("lab run that is interrupted leaves no server, and cannot tell", async () => {
  const args = ["run", "--servers", "2", "--seconds", "60", ...dataFolder()];
  await using lab = Process.start(LAB, args, { permissions });
  await lab.waitFor("users send");
  lab.kill("SIGTERM");
  const { code, stdout } = await lab.finished();
  assertEquals(code, 2);
  assertEquals(stdout.at(-1), "Interrupted: this run cannot tell whether the guarantees were kept");
});

test("lab routes that is interrupted leaves no server, and ends as shells expect", async () => {
  await using lab = Process.start(LAB, ["routes"], { permissions });
  await lab.waitFor("A, B and C run");
  lab.kill("SIGHUP");
  const { code, stderr } = await lab.finished();
  assertEquals([code, stderr], [129, ["error: Stopped by SIGHUP before the work was finished"]]);
});

test("lab flap ends at once at a signal, although it computes without a pause", async () => {
  await using lab = Process.start(LAB, ["flap", "--kind", "all", "--seeds", "5"], { permissions });
  await lab.waitFor(/./);
  lab.kill("SIGTERM");
  const { code, signal } = await lab.finished(2_000);
  assertEquals([code, signal], [143, "SIGTERM"]);
});

/** By this time, 99 % of the users of a crashed server must be on another one: milliseconds. */
const SOON_MS = 2_000;

/** Runs `lab failover`. Returns its figures, and whether its exit code is 0. */
async function failover(...args: string[]) {
  const { code, stdout, stderr } = await Process.run(LAB, ["failover", "--json", ...args], {
    permissions,
  });
  assertEquals([stderr, stdout.length], [[], 1]);
  const found = JSON.parse(stdout[0]!);
  assertEquals(found.lost, 0);
  return { ...found, isKept: code === 0 };
}

test("lab failover finds the users of a crashed server soon on the others, and spread", async () => {
  // Other tests share the machine and can only make it slower, so the best of five runs counts.
  let best = Infinity;
  for (let round = 0; round < 3 && best >= SOON_MS; round++) {
    const { backMs, spread, isKept } = await failover("--servers", "3", "--clients", "100");
    assertEquals([isKept, spread.length], [true, 2]);
    assertEquals(spread[0] + spread[1], 100);
    best = Math.min(best, backMs.p99);
  }
  assert(best < SOON_MS, `p99 ${best} ms`);
});

test("lab failover finds rtt users soon on the others, and spread over equally fast ones", async () => {
  const args = ["--system", "rtt", "--servers", "4", "--clients", "100"];
  // Other tests share the machine, and may make one server slower than another for a while. Users then
  // rightly prefer the others: in two of five runs at twice the load that the machine can carry. So the most
  // even of eight runs counts.
  let most = Infinity;
  let best = Infinity;
  for (let round = 0; round < 8 && (most > 66 || best >= SOON_MS); round++) {
    const { backMs, spread, isKept } = await failover(...args);
    assertEquals(spread.length, 3);
    assertEquals(isKept, Math.max(...spread) <= 66);
    most = Math.min(most, Math.max(...spread));
    best = Math.min(best, backMs.p99);
  }
  assert(most <= 66, `${most} of 100 at one server`);
  assert(best < SOON_MS, `p99 ${best} ms`);
});

test("lab failover finds the users of a server that drains elsewhere within 250 ms", async () => {
  // Other tests share the machine and can only make it slower, so the best of five runs counts.
  let best = Infinity;
  for (let round = 0; round < 5 && best >= 250; round++) {
    const { backMs, isKept } = await failover("--servers", "3", "--clients", "30", "--drain");
    assert(isKept);
    best = Math.min(best, backMs.p99);
  }
  assert(best < 250, `p99 ${best} ms`);
});

test("lab proxy forwards connections, and runs commands that are typed", async () => {
  await using server = await P2pServer.listen();
  await using proxy = Process.start(LAB, ["proxy", `${server.port}`, "--latency", "40"], {
    permissions,
    stdin: "piped",
  });
  const [, address] = /^(\S+) forwards to \S+; seed \d+$/.exec(await proxy.waitFor("forwards to"))!;
  await using alice = await P2pClient.connect({ name: "Alice", servers: [address!] });
  const send = async () => {
    const start = performance.now();
    await alice.send("Alice", "Hello");
    await nextMessage(alice);
    return performance.now() - start;
  };
  // There and back.
  assert(await send() >= 79, "no latency");
  await proxy.write("--latency 0\n");
  await proxy.waitFor("faults set");
  // Other tests share the machine, and one message may be slow for that.
  await eventually("the latency is gone", async () => await send() < 79);
  for (
    const [typed, answer] of [
      ["partition to-target", "all bytes are held until heal"],
      ["heal", /^healed; 1 connection$/],
      ["cut", /^1 connection reset$/],
      ["burn", "Unknown command burn: it must be cut, partition, heal, or options"],
      ["--slice 0", /^Option --slice: "0" is not a whole number/],
      [
        "partition sideways",
        '"sideways" is not a direction: it must be to-target, to-client or both',
      ],
    ] as const
  ) {
    await proxy.write(`${typed}\n`);
    await proxy.waitFor(answer);
  }
  await send();
  proxy.kill("SIGTERM");
  assertEquals((await proxy.finished()).code, 0);
});

for (
  const [args, code, line] of [
    [["--help"], 0, "netlab lab 0.1.0"],
    [["run", "--help"], 0, "netlab lab run 0.1.0"],
    [["proxy", "--help"], 0, "netlab lab proxy 0.1.0"],
    [
      [],
      2,
      "error: Name a command: run, failover, sim, replay, routes, flap, scale, fuzz, attack, soak, damage or proxy",
    ],
    [
      ["fly"],
      2,
      "error: Unknown command fly: it must be run, failover, sim, replay, routes, flap, scale, fuzz, attack, soak, damage or proxy",
    ],
    [["--fly"], 2, "error: Unknown option --fly: --help lists them all"],
    [["proxy"], 2, "error: Name one target: deno task lab proxy [HOST:]PORT"],
    [
      ["run", "--seconds", "1", "--messages", "1"],
      2,
      "error: Options --seconds and --messages cannot be used together",
    ],
    [["run", "--system", "udp"], 2, 'error: Option --system: "udp" is not p2p or rtt'],
    [
      ["run", "--faults", "--servers", "1"],
      2,
      "error: Option --faults needs at least two servers: there is no link to break",
    ],
  ] as const
) {
  test(`lab ${args.join(" ")} ends with ${code}: ${line}`, async () => {
    const finished = await Process.run(LAB, [...args], { permissions: [], env: { NO_COLOR: "1" } });
    assertEquals(finished.code, code);
    assertEquals((code === 0 ? finished.stdout : finished.stderr)[0], line);
  });
}
