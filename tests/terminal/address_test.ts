import { assertEquals, assertThrows } from "@std/assert";
import { ADDRESS_RULE, readAddress } from "@netlab/terminal";
import { pureTest as test } from "../kinds.ts";

test("readAddress reads a port alone as an address of this machine", () => {
  assertEquals(readAddress("5001"), { hostname: "127.0.0.1", port: 5001 });
  assertEquals(readAddress("65535"), { hostname: "127.0.0.1", port: 65_535 });
  assertEquals(readAddress("chat.example:5001"), { hostname: "chat.example", port: 5001 });
  assertEquals(readAddress("[::1]:5001"), { hostname: "::1", port: 5001 });
  assertEquals(readAddress("tls://5001"), { hostname: "127.0.0.1", port: 5001, tls: true });
  assertEquals(readAddress("tls://a.example:1"), { hostname: "a.example", port: 1, tls: true });
});

test("readAddress refuses anything else, and names its rule", () => {
  for (
    const text of [
      "",
      "0",
      "65536",
      "123456",
      "-1",
      "+1",
      "1.5",
      "5e3",
      " 1",
      "1 ",
      "host",
      ":1",
      "tls://0",
    ]
  ) {
    const { message } = assertThrows(() => readAddress(text), TypeError, JSON.stringify(text));
    assertEquals(message.endsWith(ADDRESS_RULE), true, message);
  }
});
