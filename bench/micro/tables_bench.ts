/**
 * Micro-benchmarks of the tables on the hot path: names to routes, ids that were seen, streams that
 * count. Figures are per thousand look-ups; compare them within one run only.
 *
 * @module
 */
import { MessageIds, nameFactors, NameTable, SeenTable, StreamWindow } from "@netlab/p2p/core";

/** Look-ups in one iteration. */
const COUNT = 1_000;
const encoder = new TextEncoder();

for (const users of [10, 1_000, 10_000]) {
  const table = new NameTable<number>(nameFactors(Math.random));
  const map = new Map<string, number>();
  const names = Array.from({ length: users }, (_, i) => `user-${i}`);
  for (const [i, name] of names.entries()) {
    table.set(encoder.encode(name), i);
    map.set(name, i);
  }
  const asked = Array.from({ length: COUNT }, () => names[Math.floor(Math.random() * users)]!);
  const inMessages = asked.map((name) => encoder.encode(`${name}\0text`));
  const group = `names: ${users} users`;
  Deno.bench(`find ${COUNT} names where they lie, of ${users}`, { group, baseline: true }, () => {
    for (const bytes of inMessages) table.findBeforeNul(bytes, 0, bytes.length);
  });
  Deno.bench(`find ${COUNT} names as strings, of ${users}`, { group }, () => {
    for (const bytes of inMessages) {
      const name = bytes.subarray(0, bytes.indexOf(0)) as unknown as number[];
      map.get(String.fromCharCode.apply(null, name));
    }
  });
}

const random = new Int32Array(4 * COUNT);
function newIds(): void {
  crypto.getRandomValues(random);
}

/** As many ids as the table holds before the measuring begins: what it costs depends on its size. */
for (const before of [10_000, 100_000, 2_000_000]) {
  const table = new SeenTable(Math.random);
  for (let i = 0; i < before; i += COUNT) {
    newIds();
    for (let at = 0; at < random.length; at += 4) table.add(random, at);
  }
  const group = `ids: ${before} seen`;
  Deno.bench(
    `add ${COUNT} ids in groups, ${before} seen`,
    { group, n: 200, warmup: 50, baseline: true },
    (bench) => {
      newIds();
      bench.start();
      for (let from = 0; from < COUNT; from += 64) {
        const count = Math.min(64, COUNT - from);
        table.prepare(random, 4 * from, count);
        table.addPrepared(0, count);
      }
      bench.end();
    },
  );
  Deno.bench(
    `add ${COUNT} ids one by one, ${before} seen`,
    { group, n: 200, warmup: 50 },
    (bench) => {
      newIds();
      bench.start();
      for (let at = 0; at < random.length; at += 4) table.add(random, at);
      bench.end();
    },
  );
}

let number = 0;
const stream = new StreamWindow(1, 2);
Deno.bench(`count ${COUNT} ids of a stream`, { group: "ids: counted" }, () => {
  for (let i = 0; i < COUNT; i++) stream.add(number++);
});

const ids = new MessageIds((bytes) => crypto.getRandomValues(bytes));
Deno.bench(`make ${COUNT} ids that count`, { group: "make ids", baseline: true }, () => {
  for (let i = 0; i < COUNT; i++) ids.next();
});
Deno.bench(`make ${COUNT} random ids`, { group: "make ids" }, () => {
  for (let i = 0; i < COUNT; i++) crypto.randomUUID();
});
