import { assert, assertEquals } from "@std/assert";
import { Chooser, createPolicy, type Round } from "@netlab/rtt";
import { displayWidth } from "@netlab/terminal";
import { view } from "../../rtt/terminal/client_lines.ts";
import { roundLine, serverTable } from "../../rtt/terminal/server_table.ts";
import { pureTest as test } from "../kinds.ts";

const SERVERS = ["127.0.0.1:5002", "127.0.0.1:5001", "127.0.0.1:5003"];

/** Returns the last of forty rounds with three servers, of which one is away at the end. */
function aRound(): Round {
  const chooser = new Chooser(createPolicy("netlab", {}, () => 0));
  let decision = chooser.decide(0);
  for (let round = 0; round < 40; round++) {
    for (const { server } of [...chooser.begin(), ...chooser.learn(SERVERS)]) {
      const index = SERVERS.indexOf(server);
      if (index === 2 && round > 35) chooser.failed(server, "connection refused");
      else chooser.answered(server, [[0.412, 12.34, 20][index]!], index === 0 ? 17 : undefined);
    }
    decision = chooser.decide(round * 10_000);
    chooser.use(decision.server!);
  }
  return { time: new Date(2026, 0, 1, 20, 15, 3), servers: chooser.servers, decision };
}

test("table sorts the servers by address, marks the one in use, and shows the trouble of one", () => {
  const lines = serverTable(aRound(), 200);
  assertEquals(lines.map((line) => line.split(/ {2,}/)), [
    ["", "server", "now", "low", "mean", "p95", "loss", "users", "lately"],
    ["", "5001", "12.3", "12.3", "12.3", "12.3", "0 %", "▅".repeat(30)],
    ["▸", "5002", "0.41", "0.41", "0.41", "0.41", "0 %", "17", "▁".repeat(30)],
    ["", "5003", "–", "20.0", "0 %", `${"█".repeat(7)}×××× connection refused`],
  ]);
});

test("table drops its picture first when the window is narrow", () => {
  const round = aRound();
  for (let columns = 60; columns < 120; columns++) {
    const lines = serverTable(round, columns);
    assertEquals(lines.length, 4);
    assert(lines.every((line) => line.length < columns), `${columns} columns`);
  }
  assertEquals(serverTable(round, 20).map((line) => line.split(/ +/)[7] ?? "").slice(0, 2), [
    "users",
    "%",
  ]);
});

test("table shows no picture when its title does not fit", () => {
  const round = aRound();
  for (let columns = 45; columns < 65; columns++) {
    const lines = serverTable(round, columns);
    const [titles, first] = lines;
    if (columns > 50) assert(lines.every((line) => line.length < columns), `${columns} columns`);
    assertEquals(titles!.endsWith("users") || titles!.endsWith("  lately"), true, titles);
    assertEquals(first!.includes("▅"), titles!.endsWith("lately"), first);
  }
});

test("view of /rtt fits into every window", () => {
  const round = aRound();
  for (let columns = 1; columns < 120; columns++) {
    const lines = view(round, columns);
    assertEquals(lines.length, 5);
    for (const line of lines) assert(displayWidth(line) < columns, `${columns}: ${line}`);
  }
  assertEquals(view(round, 24).map((line) => line.slice(0, 15)), [
    "   server   now",
    "   5001    12.3",
    "▸  5002    0.41",
    "   5003       –",
    "20:15:03  kept ",
  ]);
});

test("round is one line without a terminal", () => {
  assertEquals(
    roundLine(aRound()),
    "20:15:03  *5002 0.41 ms, 5001 12.3 ms, 5003 connection refused  " +
      "kept 5002: its lowest time of ten rounds is the best, 0.41 ms",
  );
});
