/**
 * The ids of networks. Owns their syntax, and what follows when a party of one network meets a party of
 * another. Knows no frames.
 *
 * There are two kinds. A *name* is chosen by a person (`--network NAME`); networks with different names never
 * merge. A *created* id is a UUID that the first server of a network made; when two such networks are linked on
 * purpose, they become one, and the lower id, which is that of the older network, stays.
 *
 * @module
 */
import { quote } from "./quote.ts";

/** A name: ASCII, so that no two names look alike and none needs escaping. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const CREATED = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const ANY_UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Returns why a text cannot be the name of a network, as the end of a sentence; `undefined` if it can. */
export function invalidNetworkReason(name: string): string | undefined {
  if (!NAME.test(name)) {
    return "it must have 1 to 63 letters, digits, dots, hyphens or underscores (ASCII) and begin " +
      "with a letter or a digit";
  }
  return ANY_UUID.test(name) ? "servers create ids of this form themselves" : undefined;
}

/**
 * Checks that a text can be the name of a network.
 *
 * @throws {TypeError} When it cannot.
 */
export function checkNetworkName(name: string): void {
  const why = invalidNetworkReason(name);
  if (why === undefined) return;
  throw new TypeError(`Cannot use ${quote(name)} as the name of a network: ${why}`);
}

/** Returns whether a text is the id of a network: a name, or a created id. */
export function isNetworkId(text: string): boolean {
  return NAME.test(text) && (CREATED.test(text) || !ANY_UUID.test(text));
}

/** Returns whether a server has created this id. Otherwise a person has chosen it as a name. */
export function isCreatedNetwork(id: string): boolean {
  return CREATED.test(id);
}

/**
 * How a network relates to another:
 *
 * - `same`: they are one network.
 * - `unknown`: the other party states no network, as older programs do, and the own network has no name.
 * - `mergeable`: both ids were created. The networks become one if they are linked on purpose.
 * - `other`: they must stay apart.
 */
export type NetworkRelation = "same" | "unknown" | "mergeable" | "other";

/**
 * Compares two networks.
 *
 * @param own The id of the own network.
 * @param other The id that the other party states; `undefined` if it states none.
 */
export function compareNetworks(own: string, other: string | undefined): NetworkRelation {
  if (other === own) return "same";
  if (!isCreatedNetwork(own)) return "other";
  if (other === undefined) return "unknown";
  return isCreatedNetwork(other) ? "mergeable" : "other";
}
