/**
 * The limits of every layout: what just fits, and what just does not. A writer refuses what does not fit with an
 * error that names the limit. It never cuts it.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as p from "@netlab/protocol";
import { framesIn } from "./layouts.ts";

const ID = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
const LONGEST_NAME = "x".repeat(p.MAX_NAME_BYTES);
const LONGEST_ADDRESS = `${`${"h".repeat(61)}.`.repeat(4)}x:65535`;

/** The single frame that `write` writes. */
function one(write: (out: p.FrameWriter) => void): p.Frame {
  const out = new p.FrameWriter();
  write(out);
  const frames = framesIn(out.take());
  assertStrictEquals(frames.length, 1);
  return frames[0]!;
}

/** Checks that `write` throws because of a length, and adds nothing to an earlier frame. */
function assertRefused(write: (out: p.FrameWriter) => void, numbers: number[]) {
  const out = new p.FrameWriter();
  out.frame(p.FrameType.Echo, 0);
  const error = assertThrows(() => write(out), p.NetlabError);
  assertStrictEquals(error.code, p.ErrorCode.TextTooLong);
  assert(!error.fatal);
  assertEquals(error.message.match(/[0-9]+/g), numbers.map(String));
  out.frame(p.FrameType.Echo, 1);
  assertEquals(framesIn(out.take()).map(({ type, subtype }) => [type, subtype]), [[4, 0], [4, 1]]);
}

Deno.test({
  name: "message writer accepts the longest text and refuses one byte more, naming the limit",
  permissions: "none",
  fn() {
    const { Ephemeral, Durable } = p.MessageKind;
    const cases = [
      ["Alice", "Bob", Ephemeral, 65_535],
      [LONGEST_NAME, LONGEST_NAME, Ephemeral, 65_535],
      // Between servers, a durable message has a header of 48 bytes.
      ["Alice", "Bob", Durable, 65_487],
    ] as const;
    for (const [sender, recipient, kind, limit] of cases) {
      const room = limit - 39 - sender.length - recipient.length;
      const write = (text: string) => (out: p.FrameWriter) =>
        p.writeMessage(out, { id: ID, sender, recipient, text }, kind);
      const frame = one(write("y".repeat(room)));
      assertStrictEquals(frame.payload.length, limit);
      assertStrictEquals(p.readMessage(frame.payload).text, "y".repeat(room));
      assertRefused(write("y".repeat(room + 1)), [room + 1, room]);
      // One UTF-16 unit less than bytes fit, but two bytes more.
      assertRefused(write("y".repeat(room - 2) + "€"), [room + 1, room]);
      assertRefused(write("🦊".repeat(1_000_000)), [4_000_000, room]);
    }
  },
});

Deno.test({
  name: "message writer refuses a huge text without exceeding the limit of its writer",
  permissions: "none",
  fn() {
    let overflows = 0;
    const out = new p.FrameWriter({ maxBytes: 200_000, onOverflow: () => overflows++ });
    const message = { id: ID, sender: "Alice", recipient: "Bob", text: "y".repeat(1_000_000) };
    const error = assertThrows(() => p.writeMessage(out, message, 0), p.NetlabError);
    assertEquals([error.code, overflows, out.length], [p.ErrorCode.TextTooLong, 0, 0]);
    assert(out.hasRoom(200_000));
  },
});

Deno.test({
  name: "message writer refuses invalid names and ids before it writes",
  permissions: "none",
  fn() {
    const out = new p.FrameWriter();
    const good = { id: ID, sender: "Alice", recipient: "Bob", text: "" };
    for (
      const bad of [{ sender: "" }, { recipient: "a\0b" }, { recipient: "x".repeat(256) }, {
        sender: "half \ud83e",
      }]
    ) {
      const error = assertThrows(() => p.writeMessage(out, { ...good, ...bad }, 0), p.NetlabError);
      assertStrictEquals(error.code, p.ErrorCode.NameInvalid);
    }
    assertThrows(() => p.writeMessage(out, { ...good, id: `${ID}0` }, 0), TypeError);
    assertStrictEquals(out.length, 0);
  },
});

Deno.test({
  name: "message fields are positions in the buffer of the message",
  permissions: "none",
  fn() {
    const out = new p.FrameWriter();
    const text = "a\0b";
    p.writeMessage(out, { id: ID, sender: "Zoë", recipient: "Bob", text }, 1);
    const frame = framesIn(out.take())[0]!;
    const bytes = new Uint8Array(frame.payload.length + 20).fill(0xff);
    bytes.set(frame.payload, 9);
    const fields = new p.MessageFields().read(bytes, 9, 9 + frame.payload.length);
    const slice = (from: number, to: number) =>
      new TextDecoder().decode(fields.bytes.subarray(from, to));
    assertStrictEquals(fields.bytes, bytes);
    assertStrictEquals(p.messageId(fields), ID);
    assertStrictEquals(slice(fields.sender, fields.senderEnd), "Zoë");
    assertStrictEquals(slice(fields.recipient, fields.recipientEnd), "Bob");
    assertStrictEquals(slice(fields.text, fields.end), text);
  },
});

Deno.test({
  name: "a receipt frame has room for its number of receipts with the longest reasons and name",
  permissions: "none",
  fn() {
    const receipts = Array.from(
      { length: p.MAX_RECEIPTS_PER_FRAME },
      () => ({ id: ID, state: 4, code: 65_535, reason: "r".repeat(255) }),
    );
    const relayed = one((out) => p.writeRelayedReceipts(out, LONGEST_NAME, receipts, 65_535));
    assertEquals(p.readRelayedReceipts(relayed.payload), { user: LONGEST_NAME, receipts });
    assertStrictEquals(relayed.reserved, 65_535);
    assertEquals(p.readReceipts(one((out) => p.writeReceipts(out, receipts)).payload), receipts);
    const many = Array.from({ length: 300 }, () => receipts[0]!);
    assertRefused((out) => p.writeReceipts(out, many), [300 * 275, 65_535]);
  },
});

Deno.test({
  name: "receipt writer shortens a reason to 255 bytes between characters, and marks that",
  permissions: "none",
  fn() {
    for (
      const [reason, kept] of [
        ["r".repeat(255), "r".repeat(255)],
        ["r".repeat(300), "r".repeat(252) + "…"],
        ["é".repeat(200), "é".repeat(126) + "…"],
        ["r" + "€".repeat(100), "r" + "€".repeat(83) + "…"],
        ["🦊".repeat(90), "🦊".repeat(63) + "…"],
      ] as const
    ) {
      const frame = one((out) => p.writeReceipts(out, [{ id: ID, state: 4, code: 9, reason }]));
      assertStrictEquals(p.readReceipts(frame.payload)[0]!.reason, kept);
    }
  },
});

Deno.test({
  name: "error writer and reader shorten a long message, whatever its characters, and mark that",
  permissions: "none",
  fn() {
    for (const letter of ["x", "€", "🦊"]) {
      const frame = one((out) =>
        p.writeError(out, new p.NetlabError(1, letter.repeat(100_000), { fatal: true }))
      );
      const error = p.readError(frame);
      assert(error.fatal);
      const shortened = `${letter.repeat(Math.floor(1_999 / letter.length))}…`;
      assertStrictEquals(error.message, shortened);

      // Another writer may send more.
      const long = one((out) => {
        out.begin(p.FrameType.Error, p.ErrorKind.Recoverable);
        out.u16(1);
        out.text(letter.repeat(9_000));
        out.end();
      });
      assertStrictEquals(p.readError(long).message, shortened);
    }
  },
});

Deno.test({
  name: "a presence frame has room for its number of users with the longest names",
  permissions: "none",
  fn() {
    const users = Array.from(
      { length: p.MAX_USERS_PER_FRAME },
      () => ({ name: LONGEST_NAME, kind: 1, session: ID, since: Number.MAX_SAFE_INTEGER }),
    );
    const snapshot = { server: ID, version: 1, part: 0, parts: 1, users };
    const changes = { server: ID, version: 1, changes: users };
    assertEquals(
      p.readPresenceSnapshot(one((out) => p.writePresenceSnapshot(out, snapshot)).payload),
      snapshot,
    );
    assertEquals(
      p.readPresenceChanges(one((out) => p.writePresenceChanges(out, changes)).payload),
      changes,
    );
    const more = { server: ID, version: 1, changes: [...users, users[0]!] };
    assertRefused((out) => p.writePresenceChanges(out, more), [24 + 234 * 281, 65_535]);
  },
});

Deno.test({
  name: "a presence digest has room for its number of versions and refuses one more",
  permissions: "none",
  fn() {
    const versions = Array.from({ length: p.MAX_VERSIONS_PER_FRAME }, (_, version) => ({
      server: ID,
      version,
    }));
    const frame = one((out) => p.writePresenceDigest(out, versions));
    assertEquals(p.readPresenceDigest(frame.payload), versions);
    const more = [...versions, versions[0]!];
    assertRefused((out) => p.writePresenceDigest(out, more), [more.length * 24, 65_535]);
  },
});

Deno.test({
  name: "a link state has room for its number of links with the longest address",
  permissions: "none",
  fn() {
    const links = Array.from({ length: p.MAX_LINKS }, (_, i) => ({ server: ID, cost: i + 1 }));
    const state = { server: ID, version: 1, address: LONGEST_ADDRESS, links };
    assertStrictEquals(LONGEST_ADDRESS.length, 255);
    const frame = one((out) => p.writeLinkState(out, state));
    assertEquals(p.readLinkState(frame.payload), state);
  },
});

Deno.test({
  name: "information writer fills a frame to the last byte, and leaves out the rest of the list",
  permissions: "none",
  fn() {
    const names = Array.from({ length: 256 }, (_, i) => String(i).padStart(255, "n"));
    const write = (items: string[]) =>
      one((out) => p.writeInformationResponse(out, p.Information.Users, items)).payload;
    const exact = write(names);
    assertStrictEquals(exact.length, 65_535);
    assertEquals(p.readUsers(exact), names);
    assertEquals(p.readUsers(write([...names, "late"])), names);
    const longer = ["x", ...names];
    assertEquals(p.readUsers(write(longer)), longer.slice(0, 256));
    const wide = Array.from({ length: 500 }, () => "李".repeat(85));
    assertStrictEquals(p.readUsers(write(wide)).length, 256);
  },
});

Deno.test({
  name: "the longest list of users and the most receipts fit into a statement",
  permissions: "none",
  fn() {
    const id = crypto.randomUUID();
    const name = "x".repeat(255);
    const users = Array.from({ length: p.MAX_SIGNED_USERS_PER_FRAME }, () => {
      return { name, kind: p.UserKind.Session, session: id, since: 1 };
    });
    const list = new p.FrameWriter();
    p.writePresenceSnapshot(list, { server: id, version: 1, part: 0, parts: 1, users });
    const receipts = new p.FrameWriter();
    const room = p.MAX_STATEMENT_FRAMES_BYTES - p.HEADER_BYTES - 256;
    p.writeRelayedReceipts(receipts, name, new Uint8Array(room), 1);
    for (const frames of [list.take(), receipts.take()]) {
      assert(frames.length <= p.MAX_STATEMENT_FRAMES_BYTES);
      const [key, signature] = [new Uint8Array(32), new Uint8Array(64)];
      const out = new p.FrameWriter();
      p.writeStatement(out, { key, startedAt: 1, to: id, number: 1, signature, frames }, 1);
      assertEquals(p.readStatement(out.take().subarray(p.HEADER_BYTES), true).frames, frames);
    }
  },
});
