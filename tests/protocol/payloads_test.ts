/**
 * Every payload layout: a value is the same after writing and reading it, and any malformed payload is refused
 * with a protocol error.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as p from "@netlab/protocol";
import fc from "fast-check";
import { cases } from "./arbitraries.ts";
import { vectors } from "./golden_vectors.ts";
import { framesIn, type Layout } from "./layouts.ts";

const HOPS = 7;

function encode(layout: Layout, payload: unknown, subtype: number): Uint8Array {
  const out = new p.FrameWriter();
  layout.write(out, payload, subtype, HOPS);
  return out.take();
}

/**
 * A frame whose payload is in the middle of a larger buffer, between bytes that would change the result if they
 * were read: digits, NULs, and bytes that never occur in UTF-8.
 */
function poisoned(layout: Layout, subtype: number, payload: Uint8Array, poison: number): p.Frame {
  const bytes = new Uint8Array(payload.length + 600).fill(poison);
  bytes.set(payload, 300);
  const frame = new p.Frame();
  frame.type = layout.type;
  frame.subtype = subtype;
  frame.bytes = bytes;
  frame.start = 300;
  frame.end = 300 + payload.length;
  return frame;
}

/** The result of a reader: a value, or the code of a protocol error. */
function outcome(layout: Layout, frame: p.Frame): unknown {
  try {
    return { value: layout.read(frame) };
  } catch (error) {
    assert(error instanceof p.ProtocolError, `not an error of the protocol: ${error}`);
    assert(
      error.code === p.ErrorCode.Malformed || error.code === p.ErrorCode.NameInvalid ||
        error.code === p.ErrorCode.TokenInvalid,
      `code ${error.code}`,
    );
    return { code: error.code, message: error.message };
  }
}

/** Reads the payload between different surrounding bytes, which must make no difference. */
function readAlone(layout: Layout, subtype: number, payload: Uint8Array) {
  const before = payload.toHex();
  const alone = outcome(layout, poisoned(layout, subtype, payload, 0xff));
  for (const poison of [0x00, 0x31]) {
    assertEquals(outcome(layout, poisoned(layout, subtype, payload, poison)), alone);
  }
  assertStrictEquals(payload.toHex(), before);
}

for (const { what, layout, value } of cases) {
  Deno.test({
    name: `${what} comes back as it was written`,
    permissions: "none",
    fn() {
      fc.assert(fc.property(value, ({ subtype, payload }) => {
        const frames = framesIn(encode(layout, payload, subtype));
        assertEquals(frames.length, 1);
        const frame = frames[0]!;
        assertEquals([frame.type, frame.subtype], [layout.type, subtype]);
        assertEquals(layout.read(frame), payload);
        assertEquals(
          layout.read(poisoned(layout, subtype, frame.payload, 0xff)),
          payload,
        );
      }));
    },
  });

  // An empty payload cannot be cut.
  if (what === "request" || what === "alive") continue;

  Deno.test({
    name: `${what} reader takes any bytes and never looks beyond them`,
    permissions: "none",
    fn() {
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 400 }),
        fc.string({ unit: "binary", maxLength: 120 }).map((s) => new TextEncoder().encode(s)),
        fc.nat(255).chain((byte) => fc.nat(400).map((n) => new Uint8Array(n).fill(byte))),
      );
      fc.assert(
        fc.property(bytes, (bytes) => {
          for (const subtype of layout.subtypes) readAlone(layout, subtype, bytes);
        }),
        { numRuns: 300 },
      );
    },
  });

  Deno.test({
    name: `${what} reader takes mutated frames and never looks beyond them`,
    permissions: "none",
    fn() {
      const edit = fc.record({
        kind: fc.constantFrom("set", "flip", "cut", "insert", "remove"),
        at: fc.nat(),
        byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x20, 0x7f, 0x80, 0xc0, 0xed, 0xff)),
      });
      const edits = fc.array(edit, { minLength: 1, maxLength: 4 });
      fc.assert(
        fc.property(value, edits, ({ subtype, payload }, edits) => {
          let bytes = [...encode(layout, payload, subtype).subarray(p.HEADER_BYTES)];
          for (const { kind, at: anywhere, byte } of edits) {
            const at = anywhere % (bytes.length + 1);
            if (kind === "cut") bytes = bytes.slice(0, at);
            else if (kind === "insert") bytes.splice(at, 0, byte);
            else if (kind === "remove") bytes.splice(at, 1);
            else if (at < bytes.length) bytes[at] = kind === "set" ? byte : bytes[at]! ^ byte;
          }
          readAlone(layout, subtype, new Uint8Array(bytes));
        }),
        { numRuns: 300 },
      );
    },
  });
}

/** Layouts whose payload may end anywhere, or after any of its records. */
const OPEN_ENDED = new Set(["servers", "users", "capabilities", "announcement", "echo"]);

Deno.test({
  name: "payload readers refuse every vector that ends within a field",
  permissions: "none",
  fn() {
    let refused = 0;
    for (const { name, bytes, value } of vectors) {
      const found = cases.find(({ what }) => what === value.what)!;
      if (OPEN_ENDED.has(value.what)) continue;
      const payload = bytes.subarray(p.HEADER_BYTES);
      for (let end = 0; end < payload.length; end++) {
        const frame = poisoned(found.layout, value.subtype, payload.subarray(0, end), 0x31);
        let read: unknown;
        try {
          read = found.layout.read(frame);
        } catch (error) {
          assert(error instanceof p.ProtocolError, `${name} cut at ${end}: ${error}`);
          refused++;
          continue;
        }
        // A reader may return less from a shorter payload, but nothing made up.
        assert(JSON.stringify(read) !== JSON.stringify(value.payload), `${name} cut at ${end}`);
      }
    }
    assert(refused > 1_000, `only ${refused} were refused`);
  },
});

Deno.test({
  name: "registration readers ignore fields that newer versions append",
  permissions: "none",
  fn() {
    let seen = 0;
    for (const { bytes, value } of vectors) {
      if (!["sessionRegistration", "sessionWelcome", "peerRegistration"].includes(value.what)) {
        continue;
      }
      // The first byte after one without abilities would be the abilities.
      if ((value.payload as { abilities?: number }).abilities === 0) continue;
      // The bytes after one without a network or abilities would be these.
      if (
        value.what === "peerRegistration" && !Object.hasOwn(value.payload as object, "abilities")
      ) {
        continue;
      }
      const { layout } = cases.find(({ what }) => what === value.what)!;
      const longer = new Uint8Array(bytes.length - p.HEADER_BYTES + 9).fill(0xff);
      longer.set(bytes.subarray(p.HEADER_BYTES));
      assertEquals(layout.read(poisoned(layout, value.subtype, longer, 0)), value.payload);
      seen++;
    }
    assert(seen >= 3, `${seen} vectors`);
  },
});

function refusal(read: () => unknown): number {
  return assertThrows(read, p.ProtocolError).code;
}

const ID = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
const utf8 = (text: string) => new TextEncoder().encode(text);

Deno.test({
  name: "message reader refuses a payload that is not id, sender, recipient and text",
  permissions: "none",
  fn() {
    const { Malformed, NameInvalid } = p.ErrorCode;
    for (
      const [payload, code] of [
        ["", Malformed],
        [ID, Malformed],
        [`${ID}\0`, Malformed],
        [`${ID}\0Alice`, Malformed],
        [`${ID}\0Alice\0Bob`, Malformed],
        [`${ID.slice(1)}\0Alice\0Bob\0text`, Malformed],
        [`${ID}0\0Alice\0Bob\0text`, Malformed],
        [`${ID.replace("-", "0")}\0Alice\0Bob\0text`, Malformed],
        [`${ID.replace("6", "g")}\0Alice\0Bob\0text`, Malformed],
        [`{${ID.slice(1, -1)}}\0Alice\0Bob\0text`, Malformed],
        [`${ID}\0\0Bob\0text`, NameInvalid],
        [`${ID}\0Alice\0\0text`, NameInvalid],
        [`${ID}\0 Alice\0Bob\0text`, NameInvalid],
        [`${ID}\0Alice\0Bob\n\0text`, NameInvalid],
        [`${ID}\0Alice\0${"x".repeat(256)}\0text`, NameInvalid],
      ] as const
    ) {
      assertStrictEquals(refusal(() => p.readMessage(utf8(payload))), code, payload);
    }
    const bad = utf8(`${ID}\0Alice\0Bob\0text`);
    assertStrictEquals(p.readMessage(bad).text, "text");
    bad[bad.length - 1] = 0xc3;
    assertStrictEquals(refusal(() => p.readMessage(bad)), Malformed);
  },
});

Deno.test({
  name: "message reader converts ids to lower case",
  permissions: "none",
  fn() {
    const message = p.readMessage(utf8(`${ID.toUpperCase()}\0Alice\0Bob\0TEXT`));
    assertEquals(message, { id: ID, sender: "Alice", recipient: "Bob", text: "TEXT" });
  },
});

Deno.test({
  name: "payload readers refuse numbers out of range",
  permissions: "none",
  fn() {
    const server = "00".repeat(16);
    const cases: [string, (payload: Uint8Array) => unknown][] = [
      [`${server}0020000000000000`, p.readPresenceDigest],
      [`${server}ffffffffffffffff`, p.readPresenceDigest],
      [`${server}ffffffffffffffff`, p.readLinkStateVersion],
      [`${server}0000000000000000${"0000"}${"0000"}`, p.readPresenceSnapshot],
      [`${server}0000000000000000${"0002"}${"0002"}`, p.readPresenceSnapshot],
      [`${server}0000000000000000${"03613a31"}${server}00000000`, p.readLinkState],
    ];
    for (const [hex, read] of cases) {
      assertStrictEquals(refusal(() => read(Uint8Array.fromHex(hex))), p.ErrorCode.Malformed, hex);
    }
    const largest = Uint8Array.fromHex(`${server}001fffffffffffff`);
    assertStrictEquals(p.readPresenceDigest(largest)[0]!.version, Number.MAX_SAFE_INTEGER);
  },
});

Deno.test({
  name: "announcement reader accepts ports only",
  permissions: "none",
  fn() {
    assertStrictEquals(p.readAnnouncement(utf8("1")), 1);
    assertStrictEquals(p.readAnnouncement(utf8("65535")), 65_535);
    for (const text of ["", "0", "65536", "-1", "5002 ", "5002\0", "0x10", "5e3", "99999", "Bob"]) {
      assertStrictEquals(
        refusal(() => p.readAnnouncement(utf8(text))),
        p.ErrorCode.Malformed,
        text,
      );
    }
  },
});
