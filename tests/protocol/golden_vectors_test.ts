/**
 * Compares `docs/protocol.md` with the codec: every example is read and written, every type has an example, and
 * every table of numbers equals the one in the code.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as p from "@netlab/protocol";
import { parseVectors, protocolDoc, vectors } from "./golden_vectors.ts";
import { framesIn, layout, layouts } from "./layouts.ts";

for (const { name, bytes, value } of vectors) {
  Deno.test({
    name: `vector ${name} decodes to its value`,
    permissions: "none",
    fn() {
      const frames = framesIn(bytes);
      assertEquals(frames.length, 1);
      const frame = frames[0]!;
      const { type, subtypes, read } = layout(value.what);
      assertEquals([type, subtypes.includes(value.subtype)], [value.type, true]);
      assertEquals(
        {
          what: value.what,
          type: frame.type,
          subtype: frame.subtype,
          reserved: frame.reserved,
          payload: read(frame),
        },
        value,
      );
    },
  });

  Deno.test({
    name: `vector ${name} encodes to its bytes`,
    permissions: "none",
    fn() {
      const out = new p.FrameWriter();
      layout(value.what).write(out, value.payload, value.subtype, value.reserved);
      assertEquals(out.take().toHex(), bytes.toHex());
    },
  });
}

/** Every subtype of every type. A type without a registry of subtypes has only 0. */
const subtypesOf: Record<keyof typeof p.FrameType, Record<string, number>> = {
  InformationRequest: p.Information,
  InformationResponse: p.Information,
  Registration: p.Registration,
  Message: p.MessageKind,
  Echo: { Only: 0 },
  Disconnect: p.DisconnectKind,
  Receipt: p.ReceiptKind,
  Error: p.ErrorKind,
  Presence: p.PresenceKind,
  LinkState: p.LinkStateKind,
  Status: p.StatusKind,
  Statement: p.StatementKind,
};

Deno.test({
  name: "docs/protocol.md has a vector for every type and subtype, and a row in its table",
  permissions: "none",
  fn() {
    const missing: string[] = [];
    for (const [name, type] of Object.entries(p.FrameType)) {
      for (const subtype of Object.values(subtypesOf[name as keyof typeof p.FrameType])) {
        const has = vectors.some(({ bytes }) => bytes[0] === type && bytes[1] === subtype);
        const row = new RegExp(`^\\| ${type} +\\| ${subtype} +\\|`, "m").test(protocolDoc);
        if (!has || !row) missing.push(`${name} ${type}/${subtype}`);
      }
    }
    assertEquals(missing, []);
  },
});

Deno.test({
  name: "docs/protocol.md has a vector for every layout",
  permissions: "none",
  fn() {
    const shown = new Set(vectors.map(({ value }) => value.what));
    assertEquals([...shown].sort(), Object.keys(layouts).sort());
  },
});

Deno.test({
  name: "docs/protocol.md shows every user kind and every receipt state",
  permissions: "none",
  fn() {
    const text = JSON.stringify(vectors.map(({ value }) => value));
    for (const kind of Object.values(p.UserKind)) assert(text.includes(`"kind":${kind}`));
    for (const state of Object.values(p.ReceiptState)) assert(text.includes(`"state":${state}`));
  },
});

/** The rows `| number | name |` of the table below a heading. */
function table(heading: string): Record<string, number> {
  const section = protocolDoc.split(`### ${heading}\n`)[1]!.split("\n#")[0]!;
  const rows = section.matchAll(/^\| ([0-9]+) +\| ([A-Za-z]+) +\|/gm);
  return Object.fromEntries([...rows].map(([, number, name]) => [name!, Number(number)]));
}

Deno.test({
  name: "docs/protocol.md lists error codes, receipt states and user kinds as the code does",
  permissions: "none",
  fn() {
    assertEquals<Record<string, number>>(table("Error codes"), { ...p.ErrorCode });
    assertEquals<Record<string, number>>(table("Receipt states"), { ...p.ReceiptState });
    assertEquals<Record<string, number>>(table("User kinds"), { ...p.UserKind });
  },
});

Deno.test({
  name: "docs/protocol.md has no frame block that is not a vector",
  permissions: "none",
  fn() {
    const blocks = protocolDoc.match(/^\s*(```+|~~~+)\s*frame/gm) ?? [];
    assertStrictEquals(vectors.length, blocks.length);
    assert(vectors.length > 40);
  },
});

Deno.test({
  name: "vector parser refuses bytes without a value, and a value without bytes",
  permissions: "none",
  fn() {
    const frame = "```frame a\n04 00 | 00 00 | 0000 # echo\n```\n";
    const json = "```json\n{}\n```\n";
    assertEquals(parseVectors(`x\n\n${frame}\n${json}`)[0]!.bytes.toHex(), "040000000000");
    for (
      const text of [
        frame,
        json,
        frame + frame + json,
        frame + "words\n" + json,
        frame + json + frame + json,
        frame + json.replace("{}\n```", "{}"),
        "```frame a\n04 0\n```\n" + json,
        "```frame\n04\n```\n" + json,
        frame + "```\nother\n```\n" + json,
      ]
    ) {
      assertThrows(() => parseVectors(text), SyntaxError);
    }
  },
});
