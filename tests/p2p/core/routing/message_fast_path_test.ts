/**
 * The message fast path changes no byte of the output: a core that gets whole reads writes the same as
 * a core that gets frame by frame, whatever comes in.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { pureTest } from "../../../kinds.ts";
import { MAX_HOPS } from "../../../../p2p/core/mesh/server_network.ts";
import {
  FrameType,
  FrameWriter,
  HEADER_BYTES,
  MessageKind,
  UserKind,
  UUID_TEXT_BYTES,
  writeInformationRequest,
  writePresenceChanges,
} from "@netlab/protocol";
import fc from "fast-check";
import { FAR_SERVER, FastPathNetwork, SESSION } from "../fast_path_network.ts";

const encoder = new TextEncoder();

interface Sent {
  id: string;
  sender: string;
  recipient: string;
  text: Uint8Array;
  reserved: number;
  kind: number;
}

const aRandomId = fc.nat(30).map((n) => `${`${n}`.padStart(8, "0")}-1111-4222-8333-444455556666`);
const aSequenceId = fc.tuple(fc.constantFrom("aa", "bb"), fc.nat(40), fc.constantFrom("0", "f"))
  .map(
    ([stream, number, rest]) => {
      const counter = number > 38 ? "fffffff0" : number.toString(16).padStart(8, "0");
      return `000000${stream}-0001-8${rest.repeat(3)}-9000-abcd${counter}`;
    },
  );
const anId = fc.oneof(
  { weight: 4, arbitrary: aRandomId },
  { weight: 4, arbitrary: aSequenceId },
  { weight: 1, arbitrary: fc.oneof(aRandomId, aSequenceId).map((id) => id.toUpperCase()) },
  { weight: 1, arbitrary: fc.constantFrom("no id", "x".repeat(36), "") },
);
const aText = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 100 }).map((text) => encoder.encode(text)) },
  {
    weight: 3,
    arbitrary: fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => encoder.encode(text)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
);
const aMessage: fc.Arbitrary<Sent> = fc.record({
  id: anId,
  // Mostly the user of the connection.
  sender: fc.oneof(
    { weight: 9, arbitrary: fc.constant("") },
    { weight: 1, arbitrary: fc.constantFrom("Ann", "An", "Annn", "Far", " ") },
  ),
  recipient: fc.constantFrom("Ann", "Bo", "Text", "Тест", "Far", "Off", "Nobody", "Bo\0"),
  text: aText,
  reserved: fc.constantFrom(0, 0, 0, 1, MAX_HOPS - 1, MAX_HOPS, 0xffff),
  kind: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1, 7),
});
/** Between messages something may come that the fast path does not handle, or that changes the routes. */
const aStep = fc.record({
  from: fc.constantFrom("Ann", "Bo", "Text", "Тест", "peer"),
  messages: fc.array(aMessage, { minLength: 20, maxLength: 60 }),
  between: fc.constantFrom("nothing", "nothing", "question", "move"),
});

function write(out: FrameWriter, from: string, message: Sent): void {
  const sender = message.sender || (from === "peer" ? "Far" : from);
  const payload = [
    encoder.encode(`${message.id}\0${sender}\0${message.recipient}\0`),
    message.text,
  ];
  out.begin(FrameType.Message, message.kind, message.reserved);
  for (const part of payload) out.bytes(part);
  out.end();
}

pureTest(
  "a core that gets whole reads writes the same bytes as one that gets frame by frame",
  () => {
    let passed = 0;
    fc.assert(
      fc.property(fc.array(aStep, { minLength: 1, maxLength: 6 }), (steps) => {
        const fast = new FastPathNetwork(true);
        const slow = new FastPathNetwork(false);
        let version = 1;
        for (const { from, messages, between } of steps) {
          const out = new FrameWriter();
          for (const [number, message] of messages.entries()) {
            if (number === 20 && between === "question") writeInformationRequest(out, 1);
            write(out, from, message);
          }
          const reads = [out.take()];
          if (between === "move") {
            // Far leaves and comes back: cached results about it are no longer valid.
            for (const kind of [UserKind.Gone, UserKind.Session]) {
              const user = { name: "Far", kind, session: SESSION, since: 2 };
              const changes = { server: FAR_SERVER, version: ++version, changes: [user] };
              writePresenceChanges(out, changes);
              const news = out.take().slice();
              for (const network of [fast, slow]) network.feed("peer", news);
              for (const network of [fast, slow]) network.feed("Ann", reads[0]!);
              assertEquals(fast.written(), slow.written());
            }
          }
          for (const network of [fast, slow]) network.feed(from, reads[0]!);
          assertEquals(fast.written(), slow.written());
        }
        passed += fast.passed;
      }),
      { numRuns: 250 },
    );
    assert(passed > 100_000, `only ${passed} bytes took the fast path`);
  },
);

const uuid = (number: number) => `${`${number}`.padStart(8, "0")}-1111-4222-8333-444455556666`;
const hex = (number: number) => number.toString(16).padStart(8, "0");
/** What may be wrong with one message of a run, or only different. */
const FAULTS: readonly ((message: Sent, number: number) => Partial<Sent>)[] = [
  () => ({}),
  ({ id }, number) => ({ id: id.slice(0, 28) + hex(Math.max(0, number - 1)) }),
  ({ id }, number) => ({ id: id.slice(0, 28) + hex(number + 1) }),
  ({ id }) => ({ id: id.slice(0, 28) + "ffffffff" }),
  ({ id }) => ({ id: id.toUpperCase() }),
  ({ id }) => ({ id: id.slice(0, 15) + "g" + id.slice(16) }),
  ({ id }) => ({ id: id.slice(0, 18) + "_" + id.slice(19) }),
  ({ id }) => ({ id: id.slice(0, 19) + "7" + id.slice(20) }),
  ({ id }) => ({ id: "b" + id.slice(1) }),
  ({ id }) => ({ id: id.slice(0, 12) + "9" + id.slice(13) }),
  ({ id }) => ({ id: id.slice(0, 14) + "4" + id.slice(15) }),
  (_, number) => ({ id: uuid(number) }),
  () => ({ sender: "An" }),
  () => ({ recipient: "Bo" }),
  () => ({ recipient: "Nobody" }),
  () => ({ text: encoder.encode("жук 🦊") }),
  () => ({ text: Uint8Array.of(0x78, 0xc3, 0x28) }),
  () => ({ text: new Uint8Array(0) }),
  () => ({ text: new Uint8Array(700).fill(0x78) }),
  () => ({ reserved: MAX_HOPS }),
  () => ({ reserved: 3 }),
  () => ({ kind: 7 }),
];
const aRun = fc.record({
  from: fc.constantFrom("Ann", "Text", "peer"),
  recipient: fc.constantFrom("Ann", "Text", "Тест", "Far", "Off"),
  isSequenceId: fc.boolean(),
  /** The messages that are not as all others, and how. */
  faults: fc.array(fc.tuple(fc.nat(99), fc.constantFrom(...FAULTS)), { maxLength: 3 }),
});

pureTest(
  "a run of messages with one difference is written as if they came one by one",
  () => {
    let passed = 0;
    let inPlace = 0;
    let bytesOfRuns = 0;
    fc.assert(
      fc.property(fc.array(aRun, { minLength: 1, maxLength: 3 }), (some) => {
        const [fast, slow] = [new FastPathNetwork(true), new FastPathNetwork(false)];
        let number = 0;
        for (const { from, recipient, isSequenceId, faults } of some) {
          const out = new FrameWriter();
          for (let i = 0; i < 100; i++, number++) {
            const random = hex(i).slice(-3);
            const id = isSequenceId
              ? `a0000000-0001-8${random}-9000-a${random}${hex(number)}`
              : uuid(number);
            const text = encoder.encode("x".repeat(150 + i % 10));
            let message: Sent = { id, sender: "", recipient, text, reserved: 0, kind: 0 };
            for (const [at, fault] of faults) {
              if (at === i) message = { ...message, ...fault(message, number) };
            }
            write(out, from, message);
          }
          const frames = out.take();
          // The second time, all ids are known, except those of messages that went to another server.
          for (let time = 0; time < 2; time++) {
            for (const network of [fast, slow]) network.feed(from, frames);
            assertEquals(fast.written(), slow.written());
          }
          bytesOfRuns += 2 * frames.length;
        }
        passed += fast.passed;
        inPlace += fast.inPlace;
      }),
      { numRuns: 300 },
    );
    assert(passed > 0.7 * bytesOfRuns, `only ${passed} bytes of ${bytesOfRuns} took the fast path`);
    assert(
      inPlace > 0.1 * bytesOfRuns,
      `only ${inPlace} bytes of ${bytesOfRuns} were forwarded in place`,
    );
  },
);

pureTest("an incomplete frame is not read, whatever bytes follow it", () => {
  // The names of earlier messages follow it, so that everything but its length is valid.
  for (const recipient of ["Ann", "Text", "Off"]) {
    for (const isSequenceId of [true, false]) {
      const whole = new FrameWriter();
      for (let i = 0; i < 3; i++) {
        const id = isSequenceId ? `a0000000-0001-8000-9000-0000${hex(i)}` : uuid(i);
        const text = encoder.encode("text");
        write(whole, "Ann", { id, sender: "", recipient, text, reserved: 0, kind: 0 });
      }
      const frames = whole.take();
      const last = frames.length / 3 * 2;
      for (let length = 0; length < frames.length / 3; length++) {
        const [fast, slow] = [new FastPathNetwork(true), new FastPathNetwork(false)];
        new DataView(frames.buffer, frames.byteOffset).setUint16(last + 2, length);
        for (const network of [fast, slow]) network.feed("Ann", frames);
        assertEquals(fast.written(), slow.written(), `${length} bytes for ${recipient}`);
      }
    }
  }
});

pureTest(
  "names in a run may differ in no byte, wherever it is and however long they are",
  () => {
    const lengths = [[1, 1], [1, 2], [2, 3], [4, 4], [7, 9], [10, 11], [11, 11], [12, 40]] as const;
    for (const [sender, recipient] of lengths) {
      const names = ["s".repeat(sender), "r".repeat(recipient)] as const;
      const namesBytes = sender + recipient + 1;
      for (let changed = 0; changed < namesBytes; changed++) {
        const out = new FrameWriter();
        for (let i = 0; i < 5; i++) {
          const message = { sender: "", recipient: names[1], text: encoder.encode("text") };
          write(out, names[0], { id: uuid(i), ...message, reserved: 0, kind: 0 });
        }
        const frames = out.take();
        const third = frames.length / 5 * 2;
        frames[third + HEADER_BYTES + UUID_TEXT_BYTES + 1 + changed]! ^= 1;
        const [fast, slow] = [new FastPathNetwork(true), new FastPathNetwork(false)];
        for (const network of [fast, slow]) {
          for (const name of names) network.joinLegacy(name);
          network.feed(names[0], frames);
        }
        assertEquals(fast.written(), slow.written(), `${names} with byte ${changed} changed`);
        assert(fast.passed > 0);
      }
    }
  },
);

pureTest(
  "names are compared with those that arrived, not with a text that was written over them",
  () => {
    const [fast, slow] = [new FastPathNetwork(true), new FastPathNetwork(false)];
    // Other names now stand where the first message had its names.
    const text = encoder.encode("\0Ann\0Tex2\0".repeat(20));
    for (const network of [fast, slow]) {
      network.joinLegacy("Tex2");
      // The routes are known from now on.
      for (const recipient of ["Text", "Tex2"]) network.feed("Ann", runOf("Ann", recipient, 1, 1));
      network.written();
    }
    const out = new FrameWriter();
    for (let i = 0; i < 320; i++) {
      // As many as go through each step together.
      const recipient = i % 128 < 64 ? "Text" : "Tex2";
      const message = { id: uuid(1 + i), sender: "", recipient, text: text.subarray((i + 3) % 10) };
      write(out, "Ann", { ...message, reserved: 0, kind: 0 });
    }
    const frames = out.take();
    for (const network of [fast, slow]) network.feed("Ann", frames);
    assertEquals(fast.inPlace, frames.length);
    assertEquals(fast.written(), slow.written());
  },
);

/** A run of messages, all in order. */
function runOf(from: string, recipient: string, count: number, length: number): Uint8Array {
  const out = new FrameWriter();
  const text = new Uint8Array(length).fill(0x78);
  for (let i = 0; i < count; i++) {
    const message = { id: uuid(i), sender: "", recipient, text, reserved: 0, kind: 0 };
    write(out, from, message);
  }
  return out.take();
}

for (const recipient of ["Bo", "Text", "Far"]) {
  pureTest(
    `message fast path handles a long run to ${recipient} except for the first message`,
    () => {
      const network = new FastPathNetwork(true);
      const frames = runOf("Ann", recipient, 300, 64);
      network.feed("Ann", frames);
      assertEquals(network.passed, frames.length - frames.length / 300);
      const { out } = network.ports.get(recipient === "Far" ? "peer" : recipient)!;
      const each = recipient === "Text" ? "Ann: ".length + 64 : frames.length / 300;
      assertEquals(out.take().length, 300 * each);
      network.feed("Ann", frames);
      assertEquals(out.take().length, recipient === "Far" ? 300 * each : 0, "no copy twice");
    },
  );

  pureTest(
    `message fast path leaves a read that is too much for ${recipient} to the router`,
    () => {
      const [fast, slow] = [new FastPathNetwork(true), new FastPathNetwork(false)];
      const frames = runOf("Ann", recipient, 20_000, 100);
      for (const network of [fast, slow]) network.feed("Ann", frames);
      assert(fast.passed > 1_000_000 && fast.passed < 2_000_000, `${fast.passed} bytes passed`);
      assert(fast.ports.get("Ann")!.paused);
      assertEquals(fast.written(), slow.written());
    },
  );

  pureTest(
    `message fast path pauses a sender that writes to ${recipient} faster than it reads`,
    () => {
      const [fast, slow] = [new FastPathNetwork(true), new FastPathNetwork(false)];
      for (let read = 0; read < 40; read++) {
        const out = new FrameWriter();
        const text = new Uint8Array(50_000).fill(0x78);
        const id = uuid(read);
        write(out, "Ann", {
          id,
          sender: "",
          recipient,
          text,
          reserved: 0,
          kind: MessageKind.Ephemeral,
        });
        const frame = out.take();
        assertEquals(frame.length > HEADER_BYTES, true);
        for (const network of [fast, slow]) network.feed("Ann", frame);
        assertEquals(fast.ports.get("Ann")!.paused, slow.ports.get("Ann")!.paused, `${read}`);
      }
      assert(fast.ports.get("Ann")!.paused);
      assertEquals(fast.written(), slow.written());
    },
  );
}
