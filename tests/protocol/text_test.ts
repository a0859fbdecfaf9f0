/**
 * Text on the wire: user names, UUIDs, addresses and malformed UTF-8.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as p from "@netlab/protocol";
import fc from "fast-check";
import { anyName, anyUuid, byteLength } from "./arbitraries.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

Deno.test({
  name: "checkName accepts names of every script unchanged",
  permissions: "none",
  fn() {
    for (
      const name of [
        "a",
        "Alice",
        "Alice Ann Smith",
        "Zoë",
        "李雷",
        "🦊",
        "o'neil@example.org:5001",
        "<script>",
        "x".repeat(255),
        "é".repeat(127),
        "🦊".repeat(63),
        "inner\u00a0space",
        "\u200bzero width",
      ]
    ) {
      assertStrictEquals(p.checkName(name), name);
      assertStrictEquals(p.readName(utf8(name), 0, byteLength(name)), name);
    }
  },
});

Deno.test({
  name: "checkName refuses an invalid name, and says why",
  permissions: "none",
  fn() {
    const control = "it contains a control character";
    const space = "it begins or ends with a space";
    const long = "it is longer than 255 bytes";
    for (
      const [name, why] of [
        ["", "it is empty"],
        [" ", space],
        [" a", space],
        ["a ", space],
        ["a\u00a0", space],
        ["\ufeffa", space],
        ["a\n", space],
        ["a\nb", control],
        ["a\0b", control],
        ["\u0001", control],
        ["a\u001fb", control],
        ["a\u007fb", control],
        ["a\u0080b", control],
        ["a\u009fb", control],
        ["a\u2028b", control],
        ["a\u2029b", control],
        ["x".repeat(256), long],
        ["é".repeat(128), long],
        ["🦊".repeat(64), long],
        ["x".repeat(100_000), long],
      ] as const
    ) {
      assertStrictEquals(p.invalidNameReason(name), why, JSON.stringify(name));
      const error = assertThrows(() => p.checkName(name), p.NetlabError, why);
      assertStrictEquals(error.code, p.ErrorCode.NameInvalid);
      const bytes = utf8(name);
      const refused = assertThrows(() => p.readName(bytes, 0, bytes.length), p.ProtocolError, why);
      assertStrictEquals(refused.code, p.ErrorCode.NameInvalid);
    }
  },
});

Deno.test({
  name: "checkName refuses half a surrogate pair, which would arrive as another name",
  permissions: "none",
  fn() {
    for (const name of ["\ud83e", "a\ud83eb", "\udd8aa"]) {
      assertThrows(() => p.checkName(name), p.NetlabError, "half a surrogate pair");
    }
    assertStrictEquals(p.checkName("\ud83e\udd8a"), "🦊");
  },
});

Deno.test({
  name: "checkName accepts exactly the names that readName accepts",
  permissions: "none",
  fn() {
    const text = fc.oneof(anyName, fc.string({ unit: "binary", maxLength: 300 }));
    fc.assert(
      fc.property(text, (name) => {
        const valid = p.invalidNameReason(name) === undefined;
        const bytes = utf8(name);
        if (valid) {
          assertStrictEquals(p.readName(bytes, 0, bytes.length), name);
          assert(bytes.length >= 1 && bytes.length <= p.MAX_NAME_BYTES);
          assert(!bytes.includes(0));
        } else {
          assertThrows(() => p.readName(bytes, 0, bytes.length), p.ProtocolError);
        }
      }),
      { numRuns: 1_000 },
    );
  },
});

/** Bytes that are not UTF-8, each for another reason. */
const NOT_UTF8 = [
  "80", // a continuation without a start
  "c3", // a start without a continuation
  "c328", // a continuation that is none
  "c080", // NUL in two bytes
  "e08080", // the same in three
  "eda080", // half a surrogate pair
  "f4908080", // beyond the last character
  "f888808080", // five bytes
  "ff",
];

Deno.test({
  name: "readText and checkText refuse what is not UTF-8, at any position",
  permissions: "none",
  fn() {
    for (const bad of NOT_UTF8) {
      for (const hex of [bad, `6161${bad}`, `${bad}61`, `c3a9${bad}`]) {
        const bytes = Uint8Array.fromHex(hex);
        for (const read of [p.readText, p.checkText]) {
          const error = assertThrows(
            () => read(bytes, 0, bytes.length, "thing"),
            p.ProtocolError,
            "Cannot read the thing",
          );
          assertStrictEquals(error.code, p.ErrorCode.Malformed, hex);
        }
      }
    }
  },
});

Deno.test({
  name: "readText finds the one byte that is not ASCII in a text of any length",
  permissions: "none",
  fn() {
    for (const length of [1, 8, 63, 64, 65, 66, 127, 128, 129, 200, 1_000]) {
      const text = Array.from({ length }, (_, i) => String.fromCharCode(32 + i % 95)).join("");
      const before = 3;
      const bytes = new Uint8Array(before + length + 5).fill(0xff);
      bytes.set(utf8(text), before);
      const read = () => p.readText(bytes, before, before + length, "thing");
      assertStrictEquals(read(), text);
      for (let i = 0; i < length; i++) {
        const byte = bytes[before + i]!;
        bytes[before + i] = 0x80;
        assertThrows(read, p.ProtocolError, "Cannot read the thing");
        bytes[before + i] = byte;
        if (i === 0) continue;
        const pair = bytes.slice(before + i - 1, before + i + 1);
        bytes.set([0xc3, 0xa9], before + i - 1);
        assertStrictEquals(read(), `${text.slice(0, i - 1)}é${text.slice(i + 1)}`);
        bytes.set(pair, before + i - 1);
      }
    }
  },
});

Deno.test({
  name: "readText reads only its range, and reads correctly after an error",
  permissions: "none",
  fn() {
    const bytes = Uint8Array.fromHex("ff" + "5a6fc3ab" + "c3");
    assertStrictEquals(p.readText(bytes, 1, 5, "thing"), "Zoë");
    p.checkText(bytes, 1, 5, "thing");
    assertThrows(() => p.readText(bytes, 1, 4, "thing"), p.ProtocolError);
    assertThrows(() => p.checkText(bytes, 1, 4, "thing"), p.ProtocolError);
    assertStrictEquals(p.readText(bytes, 1, 5, "thing"), "Zoë");
    assertStrictEquals(p.readText(bytes, 3, 3, "thing"), "");
  },
});

Deno.test({
  name: "readText keeps a byte order mark and NULs",
  permissions: "none",
  fn() {
    const text = "\ufeffa\0b";
    assertStrictEquals(p.readText(utf8(text), 0, 6, "thing"), text);
  },
});

Deno.test({
  name: "checkText agrees with readText on any bytes",
  permissions: "none",
  fn() {
    const takes = (read: () => unknown) => {
      try {
        read();
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), (bytes) => {
        const all = [bytes, 0, bytes.length, "thing"] as const;
        assertStrictEquals(takes(() => p.checkText(...all)), takes(() => p.readText(...all)));
      }),
      { numRuns: 3_000 },
    );
  },
});

Deno.test({
  name: "a UUID of any version is the same after writing and reading 16 bytes",
  permissions: "none",
  fn() {
    fc.assert(
      fc.property(anyUuid, fc.nat(10), (uuid, at) => {
        const bytes = new Uint8Array(40).fill(0xee);
        p.writeUuid(uuid.toUpperCase(), bytes, at);
        assertStrictEquals(p.readUuid(bytes, at), uuid);
        assertStrictEquals(bytes.subarray(at, at + 16).toHex(), uuid.replaceAll("-", ""));
        assert(bytes.subarray(0, at).every((byte) => byte === 0xee));
        assert(bytes.subarray(at + 16).every((byte) => byte === 0xee));
      }),
    );
    assertStrictEquals(p.readUuid(new Uint8Array(16), 0), p.NIL_UUID);
  },
});

Deno.test({
  name: "checkUuid and readUuidWords agree on what a UUID is, and on its bytes",
  permissions: "none",
  fn() {
    const uuid = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    assertStrictEquals(p.checkUuid(uuid.toUpperCase(), "it"), uuid);
    const mutated = fc.tuple(anyUuid, fc.nat(35), fc.constantFrom(..."0fFgG-_: {\0é")).map(
      ([text, at, letter]) => text.slice(0, at) + letter + text.slice(at + 1),
    ).filter((text) => byteLength(text) === 36);
    fc.assert(fc.property(fc.oneof(anyUuid, mutated), (text) => {
      const words = new Int32Array(5);
      if (p.readUuidWords(new DataView(utf8(` ${text}`).buffer), 1, words)) {
        assertStrictEquals(p.checkUuid(text, "it"), text.toLowerCase());
        assertStrictEquals(p.readUuidOf(words), text.toLowerCase());
        assertStrictEquals(words[4], 0);
      } else assertThrows(() => p.checkUuid(text, "it"), TypeError, "it");
    }));
    for (const text of ["", uuid.slice(1), `${uuid}0`, `{${uuid}}`, `${uuid}\n`]) {
      assertThrows(() => p.checkUuid(text, "the id"), TypeError, "as the id");
    }
  },
});

Deno.test({
  name:
    "readManyUuidWords reads ids up to the first invalid one, and isSequenceIdText agrees with isSequenceId",
  permissions: "none",
  fn() {
    const anId = fc.oneof(
      {
        weight: 9,
        arbitrary: fc.tuple(anyUuid, fc.constantFrom(..."14789"), fc.constantFrom(..."789abcAB")),
      },
      { weight: 1, arbitrary: fc.tuple(anyUuid, fc.constant("g"), fc.constant("8")) },
    ).map(([text, version, variant]) =>
      `${text.slice(0, 14)}${version}${text.slice(15, 19)}${variant}${text.slice(20)}`
    );
    fc.assert(fc.property(fc.array(anId, { maxLength: 20 }), fc.nat(9), (ids, skip) => {
      const view = new DataView(utf8(" ".repeat(skip) + ids.join("")).buffer);
      const starts = Int32Array.from(ids, (_, i) => 36 * i);
      const words = new Int32Array(4 * ids.length);
      const good = ids.findIndex((id) => id[14] === "g");
      const count = good < 0 ? ids.length : good;
      assertStrictEquals(p.readManyUuidWords(view, starts, skip, ids.length, words), count);
      for (let i = 0; i < count; i++) {
        assertStrictEquals(p.readUuidOf(words.subarray(4 * i)), ids[i]!.toLowerCase());
        assertStrictEquals(p.isSequenceIdText(view, skip + 36 * i), p.isSequenceId(words, 4 * i));
      }
    }));
  },
});

Deno.test({
  name: "parseAddress reads hosts and addresses, and formatAddress writes them back",
  permissions: "none",
  fn() {
    for (
      const [text, hostname, port] of [
        ["127.0.0.1:5001", "127.0.0.1", 5001],
        ["localhost:1", "localhost", 1],
        ["chat.example:65535", "chat.example", 65_535],
        ["[::1]:5001", "::1", 5001],
        ["[2001:db8::7]:5002", "2001:db8::7", 5002],
        ["[fe80::1%25]:5002", "fe80::1%25", 5002],
      ] as const
    ) {
      assertEquals(p.parseAddress(text), { hostname, port });
      assertStrictEquals(p.formatAddress({ hostname, port }), text);
      assertStrictEquals(p.canonicalAddress(text), text);
    }
  },
});

Deno.test({
  name: "parseAddress refuses what is not HOST:PORT, and quotes it",
  permissions: "none",
  fn() {
    for (
      const text of [
        "",
        ":",
        "localhost",
        "localhost:",
        ":5001",
        "5001",
        "localhost:0",
        "localhost:65536",
        "localhost:100000",
        "localhost:-1",
        "localhost:+1",
        "localhost:5e3",
        "localhost:5001 ",
        " localhost:5001",
        "local host:5001",
        "localhost:5001\n",
        "localhost:5001:5002",
        "::1:5001",
        "[::1]",
        "[::1]5001",
        "[]:5001",
        "[localhost]:5001",
        "[::1:5001",
        "http://localhost:5001",
        "\x1bc:5001",
        "a\0b:5001",
        "host\x9b2J:5001",
      ]
    ) {
      assertStrictEquals(p.canonicalAddress(text), undefined, text);
      const error = assertThrows(() => p.parseAddress(text), TypeError, "HOST:PORT");
      assert(error.message.includes(JSON.stringify(text)));
    }
  },
});

Deno.test({
  name: "isAscii finds the one byte that is not ASCII, and reads no byte outside its range",
  permissions: "none",
  fn() {
    const bytes = new Uint8Array(180);
    const view = new DataView(bytes.buffer);
    for (let length = 0; length <= 150; length++) {
      const [start, end] = [20, 20 + length];
      bytes.fill(0xff).fill(0x7f, start, end);
      assert(p.isAscii(view, start, end), `${length} bytes`);
      for (let at = start; at < end; at++) {
        bytes[at] = 0x80;
        assert(!p.isAscii(view, start, end), `the one at ${at - start} of ${length}`);
        bytes[at] = 0;
      }
    }
  },
});
