import { assert, assertEquals } from "@std/assert";
import { pureTest } from "../../../kinds.ts";
import { SeenNames } from "../../../../p2p/core/dedup/seen_names.ts";

pureTest("seen names keep the newest names, and at most as many as they may", () => {
  const names = new SeenNames(10, false);
  for (let number = 0; number < 100; number++) {
    assert(names.add(`${number}`));
    assert(!names.add(`${number}`));
    assert(!names.add("always") || number === 0);
  }
  const kept = Array.from({ length: 100 }, (_, number) => `${number}`).filter((n) => names.has(n));
  assert(kept.length >= 4 && kept.length <= 10, `${kept}`);
  assert(names.has("always") && names.has("99"));
  assertEquals(names.newest(2).length, 2);
  assert(names.newest(20).length <= 10);
});

pureTest("seen names have to be saved once, and those from the store not at all", () => {
  const names = new SeenNames(10, true);
  names.load("stored");
  names.add("stored");
  names.add("new");
  assertEquals([...names.unsaved], ["new"]);
  names.saved();
  names.add("new");
  assertEquals([...names.unsaved], []);
  for (let number = 0; number < 100; number++) names.add(`${number}`);
  assert(names.unsaved.size <= 10, "a store that fails for long does not fill the memory");
  const unsaved = new SeenNames(10, false);
  unsaved.add("new");
  assertEquals(unsaved.unsaved.size, 0);
});
