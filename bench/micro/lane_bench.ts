/**
 * Micro-benchmarks of what the fast lane does to each message, each beside the plain way to do the same:
 * what is not clearly faster here has no reason to be there. Compare figures within one run only.
 *
 * @module
 */
import {
  FrameWriter,
  isAscii,
  isSequenceId,
  isUtf8,
  readManyUuidWords,
  readUuidWords,
  UUID_TEXT_BYTES,
} from "@netlab/protocol";
import { MessageIds, readSequenceNumber } from "@netlab/p2p/core";

/** Messages in one iteration. */
const COUNT = 1_000;

for (const size of [64, 1_024]) {
  const bytes = new Uint8Array(COUNT * size).fill(0x78);
  const view = new DataView(bytes.buffer);
  const group = `text of ${size} bytes`;
  Deno.bench(`look for ASCII in ${COUNT} texts of ${size} bytes`, { group, baseline: true }, () => {
    for (let at = 0; at < bytes.length; at += size) isAscii(view, at, at + size);
  });
  Deno.bench(`look for UTF-8 in ${COUNT} texts of ${size} bytes`, { group }, () => {
    for (let at = 0; at < bytes.length; at += size) isUtf8(bytes, at, at + size);
  });
}

const ids = new MessageIds((bytes) => crypto.getRandomValues(bytes));
const texts = new TextEncoder().encode(Array.from({ length: COUNT }, () => ids.next()).join(""));
const view = new DataView(texts.buffer);
const words = new Int32Array(4);
Deno.bench(`read ${COUNT} ids of a known stream`, { group: "ids", baseline: true }, () => {
  for (let at = 0; at < texts.length; at += UUID_TEXT_BYTES) readSequenceNumber(view, at);
});
const starts = Int32Array.from({ length: COUNT }, (_, i) => i * UUID_TEXT_BYTES);
const wordsOfAll = new Int32Array(4 * COUNT);
Deno.bench(`read ${COUNT} ids of which nothing is known as a row`, { group: "ids" }, () => {
  readManyUuidWords(view, starts, 0, COUNT, wordsOfAll);
});
Deno.bench(`read ${COUNT} ids of which nothing is known one by one`, { group: "ids" }, () => {
  for (let at = 0; at < texts.length; at += UUID_TEXT_BYTES) {
    readUuidWords(view, at, words);
    isSequenceId(words, 0);
  }
});

const out = new FrameWriter();
for (const size of [64, 150, 250]) {
  const source = new Uint8Array(COUNT * size);
  const view = new DataView(source.buffer);
  const group = `copy ${size} bytes`;
  Deno.bench(`copy ${COUNT} times ${size} bytes`, { group, baseline: true }, () => {
    for (let at = 0; at < source.length; at += size) out.copy(view, at, at + size);
    out.recycle(out.take());
  });
  Deno.bench(`copy ${COUNT} times ${size} bytes as one`, { group }, () => {
    out.copy(view, 0, source.length);
    out.recycle(out.take());
  });
  Deno.bench(`set ${COUNT} times ${size} bytes`, { group }, () => {
    for (let at = 0; at < source.length; at += size) out.raw(source, at, at + size);
    out.recycle(out.take());
  });
}

{
  const size = 64;
  const head = new DataView(new ArrayBuffer(24));
  const source = new DataView(new ArrayBuffer(COUNT * size));
  const starts = Int32Array.from({ length: COUNT + 1 }, (_, i) => i * size);
  const group = "text behind a name";
  Deno.bench(`write ${COUNT} texts of ${size} bytes as one row`, { group, baseline: true }, () => {
    out.joinRow(head, 10, source, starts, 0, COUNT, 0);
    out.recycle(out.take());
  });
  Deno.bench(`write ${COUNT} texts of ${size} bytes one by one`, { group }, () => {
    for (let at = 0; at < source.byteLength; at += size) out.join(head, 10, source, at, at + size);
    out.recycle(out.take());
  });
}
