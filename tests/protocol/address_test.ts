import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { canonicalAddress, isEveryAddress, parseHost, parsePort } from "@netlab/protocol/address";
import * as protocol from "@netlab/protocol";
import { pureTest as test } from "../kinds.ts";

const EVERY_ADDRESS = [
  "0.0.0.0",
  "::",
  "0",
  "0x0",
  "00",
  "0.0",
  "0.0.0",
  "000.0.0.0",
  "::0",
  "0::",
  "0:0:0:0:0:0:0:0",
  "0000:0000:0000:0000:0000:0000:0000:0000",
  "::0.0.0.0",
  "::ffff:0.0.0.0",
  "::FFFF:0:0",
];

test("every spelling of all addresses is recognised", () => {
  for (const text of EVERY_ADDRESS) assertEquals(isEveryAddress(parseHost(text)!), true, text);
  for (const text of ["0.0.0.1", "::1", "1", "localhost", "fe80::", "0.example"]) {
    assertEquals(isEveryAddress(parseHost(text)!), false, text);
  }
});

test("hosts that are the same have one spelling", () => {
  const spellings: Record<string, readonly string[]> = {
    "127.0.0.1": ["127.1", "127.0.1", "0x7f.1", "0177.0.0.1", "2130706433", "127.0.0.1."]
      .concat("::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:FFFF:7F00:0001", "１２７.0.0.1"),
    "::1": ["0:0:0:0:0:0:0:1", "0::1", "::0001", "::0.0.0.1"],
    "localhost": ["LOCALHOST", "LocalHost", "localhost.", "local\u00adhost", "ｌocalhost"],
    "fe80::1%eth0": ["FE80::1%eth0", "fe80:0::1%eth0"],
    "chat.example": ["Chat.Example", "chat.example.", "chat。example"],
    "my_server": ["MY_SERVER"],
    "xn--mnchen-3ya.example": ["münchen.example", "MÜNCHEN.example", "xn--mnchen-3ya.example"],
  };
  for (const [canonical, others] of Object.entries(spellings)) {
    for (const text of [canonical, ...others]) {
      assertStrictEquals(parseHost(text), canonical, text);
      const [one, two] = [canonical, text].map((host) => host.includes(":") ? `[${host}]` : host);
      assertStrictEquals(canonicalAddress(`${two}:05001`), `${one}:5001`);
    }
  }
});

test("a host is refused if it cannot be a name or an address", () => {
  const hosts = ["", ".", "a..b", ".a", "a b", "a/b", "a?b", "a#b", "a@b", "a%41", "a\\b", "[::1]"]
    .concat("256.1.1.1", "1.2.3.4.5", "::1::", "1:2", "fe80::1%", "fe80::1%a b", "a;b", "$(a)", "*")
    .concat("a\nb", "\ta", "a\0", "\x1b[2J", "a\x9b", "\u202eabc", "\ud800", "a".repeat(64));
  for (const text of [...hosts, "a.".repeat(127) + "a"]) {
    assertStrictEquals(parseHost(text), undefined, JSON.stringify(text));
  }
});

test("a port is read from decimal digits only", () => {
  const ports: [string, number][] = [["0", 0], ["5001", 5001], ["005001", 5001], ["65535", 65_535]];
  for (const [text, port] of ports) assertStrictEquals(parsePort(text), port, text);
  for (const text of ["", "+5001", "-1", "-0", "65536", "5e3", "0x1", "1.0", " 1", "1\n", "٥"]) {
    assertStrictEquals(parsePort(text), undefined, JSON.stringify(text));
  }
});

test("lists of servers name each server once, whatever its spelling", () => {
  const payload = new TextEncoder().encode(
    ["LOCALHOST:1", "localhost:01", "127.1:2", "[::ffff:7f00:1]:2"].join("\0"),
  );
  const servers = ["localhost:1", "127.0.0.1:2"];
  assertEquals(protocol.readServers(payload), servers);
  assertEquals(protocol.readServers(payload), servers);
});

test("an address that is reached with TLS begins with tls://", () => {
  for (const text of ["tls://Chat.Example:05001", "TLS://chat.example.:5001"]) {
    assertStrictEquals(canonicalAddress(text), "tls://chat.example:5001");
  }
  const address = protocol.parseAddress("tls://[::1]:5001");
  assertEquals(address, { hostname: "::1", port: 5001, tls: true });
  assertStrictEquals(protocol.formatAddress(address), "tls://[::1]:5001");
  assertStrictEquals(protocol.hostOf("tls://[::1]:5001"), "[::1]");
  assertStrictEquals(protocol.hostOf("chat.example:5001"), "chat.example");
  assertStrictEquals(protocol.withoutTls("tls://[::1]:5001"), "[::1]:5001");
  assertEquals(["tls://127.0.0.1:1", "127.0.0.1:1"].map(protocol.isTlsAddress), [true, false]);
  assertEquals(
    ["tls://[::1]:1", "tls://localhost:1", "tls://192.0.2.7:1"].map(protocol.isLoopback),
    [
      true,
      true,
      false,
    ],
  );
  for (
    const text of [
      "tls:/a:1",
      "tls://",
      "tls://a",
      "tls://a:0",
      "tls://tls://a:1",
      "ssl://a:1",
      "tls://a:1/",
    ]
  ) {
    assertStrictEquals(canonicalAddress(text), undefined, text);
  }
});

test("the first bytes of TLS are no frame", () => {
  const read = (...bytes: number[]) => {
    const all = Uint8Array.from(bytes);
    return protocol.readFrames(all, 0, all.length, 65_535, new protocol.Frame(), () => {});
  };
  for (const type of [0x15, 0x16]) {
    const error = assertThrows(() => read(type, 3, 1, 0, 200, 1), protocol.ProtocolError);
    assertStrictEquals(error.code, protocol.ErrorCode.TlsFailed);
    assertStrictEquals(error.fatal, true);
    // A whole frame of that type, and less than a header.
    assertStrictEquals(read(type, 3, 0, 0, 0, 0), 6);
    assertStrictEquals(read(type, 3, 1), 0);
  }
  assertStrictEquals(read(0x17, 3, 1, 0, 200, 1), 0);
});
