import { assertEquals } from "@std/assert";
import { formatLoad, readLoad, readServers, readUsers } from "@netlab/protocol";
import { pureTest as test } from "../kinds.ts";

test("readLoad finds the load in the capabilities of a server", () => {
  assertEquals(readLoad(["session", formatLoad(17), "echo"]), 17);
  assertEquals(readLoad([formatLoad(0)]), 0);
  assertEquals(readLoad([]), undefined);
  assertEquals(readLoad(["session", "load", "loaded=3", "overload=4"]), undefined);
  for (const wrong of ["", "-1", "1.5", "1e3", "0x10", "many", " 1", "1\n", "9".repeat(16)]) {
    assertEquals(readLoad([`load=${wrong}`]), undefined, wrong);
  }
});

test("lists are read without what is no address or name", () => {
  const bytes = (items: string[]) => new TextEncoder().encode(items.join("\0"));
  const servers = [
    "127.0.0.1:5001",
    "udp://a:1",
    "",
    "a:99999",
    "127.1:5001",
    "\x1b[2J",
    "[::1]:5002",
  ];
  assertEquals(readServers(bytes(servers)), ["127.0.0.1:5001", "[::1]:5002"]);
  assertEquals(readUsers(bytes(["Bob", "", " ", "A\nB", "x".repeat(256), "Zoë"])), ["Bob", "Zoë"]);
  assertEquals(readUsers(Uint8Array.of(66, 0, 0xff, 66, 0, 67)), ["B", "C"]);
  assertEquals(readServers(Uint8Array.of(0xff, 0xfe)), []);
});
