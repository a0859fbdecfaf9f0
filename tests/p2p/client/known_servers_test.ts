import { assertEquals } from "@std/assert";
import { KnownServers } from "../../../p2p/client/roaming/known_servers.ts";
import { pureTest as test } from "../../kinds.ts";

const HOUR = 3_600_000;

test("known servers are the configured ones, and those that a server has listed in the last hour", () => {
  const servers = new KnownServers(["a:1", "b:1"]);
  servers.learn(["b:1", "c:1", "d:1"], 0);
  assertEquals(servers.addresses, ["a:1", "b:1", "c:1", "d:1"]);
  servers.learn(["c:1"], HOUR - 1);
  assertEquals(servers.addresses, ["a:1", "b:1", "d:1", "c:1"]);
  servers.learn([], HOUR);
  assertEquals(servers.addresses, ["a:1", "b:1", "c:1"]);
  servers.learn([], 2 * HOUR);
  assertEquals(servers.addresses, ["a:1", "b:1"]);
});

test("known servers are limited: the one that was listed the longest ago is dropped", () => {
  const servers = new KnownServers(["a:1"]);
  servers.learn(Array.from({ length: 300 }, (_, index) => `b:${index}`), 0);
  assertEquals(servers.addresses.length, 257);
  assertEquals(servers.addresses.at(-1), "b:299");
});

test("known servers that failed within a minute are tried last, the latest failure at the end", () => {
  const servers = new KnownServers(["a:1", "b:1", "c:1", "d:1"]);
  const order = (now: number) => servers.recentlyFailedLast(servers.addresses, now).join(" ");
  assertEquals(order(0), "a:1 b:1 c:1 d:1");
  servers.failed("b:1", 1_000);
  servers.failed("a:1", 2_000);
  servers.failed("c:1", 3_000);
  servers.worked("c:1");
  assertEquals(order(3_000), "c:1 d:1 b:1 a:1");
  assertEquals(order(61_000), "b:1 c:1 d:1 a:1");
  assertEquals(order(62_000), "a:1 b:1 c:1 d:1");
});
