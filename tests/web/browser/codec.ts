/** The golden vectors, read and written by the shipped codec in the browser. */
import { assertEquals } from "@std/assert";
import { P2pServer } from "@netlab/p2p/server";
import { WebServer } from "@netlab/web";
import { vectors } from "../../protocol/golden_vectors.ts";
import layouts from "../../protocol/layouts.ts" with { type: "text" };
import { Pages } from "./browser.ts";

/** Runs in the page. Returns what differs. */
const COMPARE = `async (vectors) => {
  const { framesIn, layout } = await import("/source/tests/layouts.ts");
  const { FrameWriter } = await import("/source/protocol/codec/mod.ts");
  const differences = [];
  for (const { name, hex, value } of vectors) {
    const { what, type, subtype, reserved, payload } = value;
    const { read, write } = layout(what);
    const [frame] = framesIn(Uint8Array.fromHex(hex));
    const found = { what, type: frame.type, subtype: frame.subtype, reserved: frame.reserved };
    const text = (value) => JSON.stringify(value, (_, item) =>
      item && typeof item === "object" && !Array.isArray(item)
        ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => a < b ? -1 : 1))
        : item);
    const decoded = text({ ...found, payload: read(frame) });
    if (decoded !== text(value)) differences.push(name + " decodes to " + decoded);
    const out = new FrameWriter();
    write(out, payload, subtype, reserved);
    const bytes = out.take().toHex();
    if (bytes !== hex) differences.push(name + " encodes to " + bytes);
  }
  return { count: vectors.length, differences };
}`;

Deno.test("golden vectors pass in the browser", async () => {
  await using server = await P2pServer.listen();
  const tests = { EXPORTS: new Map(), SOURCES: new Map([["layouts.ts", layouts]]) };
  const { address, queries } = server;
  await using web = await WebServer.listen({
    address,
    queries,
    tellPages() {},
    attach() {},
    checkWatcher: () => Promise.resolve(),
    sources: async () => new Map([...await server.sources(), ["tests", tests]]),
  });
  await using pages = new Pages();
  const page = await pages.open(`${web.origin}/chat`);
  const given = vectors.map(({ name, bytes, value }) => ({ name, hex: bytes.toHex(), value }));
  const result = await page.evaluate(`(${COMPARE})(${JSON.stringify(given)})`);
  assertEquals(result, { count: vectors.length, differences: [] });
});
