import { assertEquals } from "@std/assert";
import { Chooser, createPolicy, type PolicyName, type Round } from "@netlab/rtt";
import {
  arrivedLines,
  bestLines,
  firstLines,
  stayedLine,
} from "../../rtt/terminal/client_lines.ts";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { pureTest as test } from "../kinds.ts";

const SERVERS = ["127.0.0.1:5001", "127.0.0.1:5002", "127.0.0.1:5003"] as const;

/** Returns a round in which the servers have these times and users, or these troubles. */
function round(servers: ([ms: number, users?: number] | string)[], policy?: PolicyName): Round {
  const chooser = new Chooser(createPolicy(policy ?? "netlab", {}, () => 0));
  chooser.learn(SERVERS.slice(0, servers.length));
  servers.forEach((each, at) => {
    if (typeof each === "string") chooser.failed(SERVERS[at]!, each);
    else chooser.answered(SERVERS[at]!, [each[0]], each[1]);
  });
  return { time: new Date(0), servers: chooser.servers, decision: chooser.decide(0) };
}

test("client shows the time of each server, and the server that it is connected to", () => {
  const fastest = round([[20], [0.156, 3], "connection refused"]);
  assertEquals([...firstLines(fastest), ...bestLines(fastest, SERVERS[1])], [
    "Server 127.0.0.1:5001: RTT 0.020000 seconds (20 ms)",
    "Server 127.0.0.1:5002: RTT 0.000156 seconds (0.16 ms)",
    "Server 127.0.0.1:5003: not measured (connection refused)",
    "Best server: 127.0.0.1:5002 with RTT 0.000156 seconds (0.16 ms)",
  ]);
});

test("client shows what decided between servers that are equally fast", () => {
  const [, , , why, ...none] = firstLines(round([[0.2, 1], [20], [0.156, 3]]));
  assertEquals([why, none], ["5001 and 5003 are equally fast; 5001 has fewer users", []]);
  assertEquals(
    firstLines(round([[0.2], [0.156]])).at(-1),
    "5001 and 5002 are equally fast; 5001 was picked at random",
  );
  assertEquals(
    firstLines(round([[0.2], [0.156]], "window")).at(-1),
    "the mean times of 2 servers are within 15 ms of the lowest, 0.16 ms; 5001 was picked at random",
  );
  assertEquals(firstLines(round([[0.2], [0.156]], "once")).length, 2);
});

test("client that could not connect to the best server says so", () => {
  const fastest = round([[20], [0.156]]);
  assertEquals(bestLines(fastest, SERVERS[0]), [
    "Cannot connect to 127.0.0.1:5002; using the next best server",
    "Best server: 127.0.0.1:5001 with RTT 0.020000 seconds (20 ms)",
  ]);
  assertEquals(bestLines(fastest, "127.0.0.1:5009").at(-1), "Best server: 127.0.0.1:5009");
  assertEquals(arrivedLines(fastest, SERVERS[0]), [
    "Cannot connect to 127.0.0.1:5002; using the next best server",
  ]);
  assertEquals(arrivedLines(fastest, SERVERS[1]), [
    "chose 5002: it is the fastest of 2, 0.16 ms",
  ]);
});

test("client that ended up at another server does not claim the move that it had decided", () => {
  const { servers, decision, time } = round([[20], [0.156]]);
  const moved = { servers, time, decision: { ...decision, kind: "moved" as const } };
  assertEquals(arrivedLines(moved, SERVERS[0]), []);
  assertEquals(
    stayedLine(SERVERS[1], new NetlabError(ErrorCode.TimedOut, "Cannot go on: it is\nfull")),
    "Cannot move to 127.0.0.1:5002: it is full",
  );
});

test("client without a server shows the trouble of each", () => {
  assertEquals(firstLines(round(["connection refused", "no answer in time"])), [
    "Server 127.0.0.1:5001: not measured (connection refused)",
    "Server 127.0.0.1:5002: not measured (no answer in time)",
  ]);
});
