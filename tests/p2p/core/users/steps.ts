/**
 * Counts the steps of walks over maps, sets and lists, so that tests need not measure time.
 *
 * @module
 */

/** All walks over a map, a set or a list end up in the `next` of one of these. */
const ITERATORS = [new Map().values(), new Set().values(), [].values()].map((iterator) =>
  Object.getPrototypeOf(iterator) as { next(): IteratorResult<unknown> }
);
/** Walks that do not. */
const METHODS = [
  ...[Map.prototype, Set.prototype].map((of) => [of, ["forEach"]] as const),
  [
    Array.prototype,
    ["concat", "filter", "find", "forEach", "includes", "indexOf", "map", "slice", "sort", "some"],
  ] as const,
];

/** How many steps of walks `work` takes. */
export function stepsOf(work: () => void): number {
  let steps = 0;
  const originals: [object, string, unknown][] = [];
  const replace = (of: object, name: string, by: (original: () => unknown) => unknown) => {
    const original = Reflect.get(of, name);
    originals.push([of, name, original]);
    Reflect.set(of, name, by(original));
  };
  for (const iterator of ITERATORS) {
    replace(iterator, "next", (original) =>
      function (this: unknown) {
        steps++;
        return Reflect.apply(original, this, []);
      });
  }
  for (const [of, names] of METHODS) {
    for (const name of names) {
      replace(
        of,
        name,
        (original) =>
          function (this: { length?: number; size?: number }, ...args: []) {
            steps += this.length ?? this.size ?? 0;
            return Reflect.apply(original, this, args);
          },
      );
    }
  }
  try {
    work();
    return steps;
  } finally {
    for (const [of, name, original] of originals) Reflect.set(of, name, original);
  }
}
