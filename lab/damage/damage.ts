/**
 * Damage to a file: a place and what happens there. Owns how a disk damages files.
 *
 * @module
 */
import { between, pick, type Random } from "../random.ts";

/** A kind of damage. */
export type DamageKind = "bit" | "bytes" | "sector lost" | "sector overwritten" | "truncated";

const KINDS: readonly DamageKind[] = [
  "bit",
  "bytes",
  "sector lost",
  "sector overwritten",
  "truncated",
];
const SECTORS = [512, 4_096];

/** One damage. */
export interface Damage {
  /** The name of the file. */
  readonly file: string;
  /** What happens. */
  readonly kind: DamageKind;
  /** The first damaged byte. */
  readonly start: number;
  /** The end of the damaged bytes. */
  readonly end: number;
}

/** Draws a damage to one of the files, which have these sizes in bytes. */
export function drawDamage(random: Random, sizes: ReadonlyMap<string, number>): Damage {
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  // Most places are in the large files, and some in the others.
  const isAnywhere = random() < 0.8;
  let at = Math.floor(random() * total);
  const file = isAnywhere
    ? [...sizes].find(([, size]) => (at -= size) < 0)![0]
    : pick(random, [...sizes.keys()].filter((name) => sizes.get(name)! > 0));
  const size = sizes.get(file)!;
  const kind = pick(random, KINDS);
  // Headers are small but important.
  const place = random() < 0.1
    ? between(random, 0, Math.min(size, 200) - 1)
    : between(random, 0, size - 1);
  switch (kind) {
    case "bit":
      return { file, kind, start: place, end: place + 1 };
    case "bytes":
      return { file, kind, start: place, end: Math.min(size, place + between(random, 1, 16)) };
    case "truncated":
      return { file, kind, start: place, end: size };
    default: {
      const sector = pick(random, SECTORS);
      const start = place - place % sector;
      return { file, kind, start, end: Math.min(size, start + sector) };
    }
  }
}

/** Returns a damaged copy of a file. */
export function damaged(
  bytes: Uint8Array,
  { kind, start, end }: Damage,
  random: Random,
): Uint8Array {
  if (kind === "truncated") return bytes.slice(0, start);
  const copy = bytes.slice();
  if (kind === "bit") copy[start]! ^= 1 << between(random, 0, 7);
  else if (kind === "sector lost") copy.fill(0, start, end);
  else for (let at = start; at < end; at++) copy[at] = between(random, 0, 255);
  return copy;
}
