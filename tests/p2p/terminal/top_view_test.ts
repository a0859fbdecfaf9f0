/**
 * The picture of `top`: it fits into every window, and shows the names of others as text.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { displayWidth, styledLine } from "@netlab/terminal";
import { ErrorCode, NetlabError, type ServerEvent, type ServerStatus } from "@netlab/protocol";
import type { NetworkRound, WatchedServer } from "@netlab/p2p/client";
import { pureTest } from "../../kinds.ts";
import { ServerNames, topView } from "../../../p2p/terminal/top/top_view.ts";
import { count, duration, size } from "../../../p2p/terminal/top/figures.ts";

const id = (n: number) => `00000000-0000-4000-8000-${n.toString().padStart(12, "0")}`;
const address = (n: number) => `10.0.${n >> 8}.${n & 255}:5001`;

function status(n: number, servers: number): ServerStatus {
  const zero = {
    messagesReceived: 0,
    messagesDelivered: 0,
    messagesForwarded: 0,
    messagesStored: 0,
    messagesRefused: 0,
    duplicates: 0,
    bytesRead: 0,
    bytesWritten: 0,
    requestsRefused: 0,
  };
  return {
    server: id(n),
    address: address(n),
    network: "office",
    version: "1.2.3",
    system: "rtt",
    uptimeMs: 123_456_789,
    isDraining: n === 1,
    users: 12_345,
    connections: 100,
    totals: zero,
    queues: { outgoingBytes: 0, inFlight: 0 },
    mailbox: { messages: 1_000_000, bytes: 2 ** 32, recipients: 5, oldestMs: 1_000 },
    limitsHit: n === 2 ? [{ code: 20, count: 7 }] : [],
    links: Array.from({ length: servers }, (_, other) => other).filter((other) => other !== n)
      .map((other) => ({
        server: id(other),
        address: address(other),
        rttMs: n + other,
        costMs: undefined,
        queuedBytes: 1_234,
        upMs: 1_000,
        nextHopFor: 1,
      })),
    routes: [],
    leftOut: 0,
    memory: { rssBytes: 2 ** 28, heapBytes: 2 ** 26 },
    pages: "",
  };
}

function picture(servers: number, hostile = "Bob") {
  const watched: WatchedServer[] = Array.from({ length: servers }, (_, n) => {
    const trouble = n === 3 ? new NetlabError(ErrorCode.Unsupported, hostile) : undefined;
    const known = trouble ? undefined : status(n, servers);
    const rates = known && { ...known.totals, messagesReceived: 12_345.6, bytesRead: 2 ** 27 };
    return { id: id(n), address: address(n), status: known, rates, trouble };
  });
  const happened: ServerEvent[] = [
    { sequence: 1, agoMs: 0, kind: "joined", user: hostile },
    { sequence: 2, agoMs: 0, kind: "left", user: hostile, reason: hostile },
    { sequence: 3, agoMs: 0, kind: "refused", who: hostile, code: 3, reason: hostile },
    { sequence: 4, agoMs: 0, kind: "moved", user: hostile, server: id(99) },
  ];
  const events = happened.map((event) => ({ ...event, at: id(0) }));
  const round: NetworkRound = {
    time: new Date(2026, 0, 1, 12, 0, 0),
    via: address(0),
    servers: watched,
    users: Array.from(
      { length: 200 },
      () => ({ name: hostile, server: id(0), kind: 1, sinceMs: 1 }),
    ),
    userCount: 5_000,
    events,
  };
  const names = new ServerNames();
  names.learn(round);
  const dated = events.map((event) => ({ time: round.time, event }));
  return { round, events: dated, trouble: undefined, nameOf: names.of };
}

pureTest("top fits into every window", () => {
  for (const servers of [1, 3, 100]) {
    for (const [columns, rows] of [[80, 24], [60, 20], [200, 60], [30, 8], [10, 3], [1, 1]]) {
      const lines = topView(picture(servers), { columns: columns!, rows: rows! });
      const what = `${servers} servers in ${columns} x ${rows}`;
      assert(lines.length <= Math.max(1, rows! - 1), `${what}: ${lines.length} lines`);
      for (const line of lines) {
        assert(displayWidth(line) < Math.max(2, columns!), `${what}: ${line}`);
      }
    }
  }
});

pureTest("top shows servers, links, users and events at 80 columns", () => {
  const text = topView(picture(5), { columns: 80, rows: 40 }).join("\n");
  for (
    const part of [
      "office",
      "5 servers",
      "5,000 users",
      "12,346",
      "leaving",
      "7 limits hit",
      "too old to tell",
      "10.0.0.0:5001 – 10.0.0.1:5001",
      "Bob joined",
      "Bob left: Bob",
      "refused Bob: Bob (3)",
    ]
  ) assertStringIncludes(text, part);
});

pureTest("top shows the hostile texts of others as text", () => {
  const hostile = "a\x1b[2J\x1b]0;title\x07\u202e<b>\r\n\x1b[31mred";
  const lines = topView(picture(5, hostile), { columns: 300, rows: 60 });
  for (const line of lines) {
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x1f\x7f\u202e]/.test(line), JSON.stringify(line));
    assertEquals(styledLine(line), line);
  }
  assertStringIncludes(lines.join("\n"), "<b>");
});

pureTest("top shows short figures", () => {
  assertEquals([0, 0.26, 9.96, 45, 1_234.4, 123_456, 4.5e6].map(count), [
    "0",
    "0.3",
    "10",
    "45",
    "1,234",
    "123k",
    "4.5M",
  ]);
  assertEquals([0, 512, 1_024, 4_200, 2 ** 20 * 83].map(size), ["0", "512", "1.0k", "4.1k", "83M"]);
  assertEquals([999, 61_000, 3_600_000 * 5, 86_400_000 * 3].map(duration), [
    "0s",
    "1m",
    "5h",
    "3d",
  ]);
});
