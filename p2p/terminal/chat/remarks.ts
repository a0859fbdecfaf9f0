/**
 * What servers say about messages, as lines for people. Owns which remarks were shown. Must not know the terminal
 * or the network.
 *
 * @module
 */
import { ErrorCode } from "@netlab/protocol";
import { LIMITS } from "../../core/limits.ts";
import type { Notice } from "../../client.ts";
import { similarName } from "./names.ts";

/** The remarks in one conversation. */
export class Remarks {
  readonly #shown = new Set<string>();

  /**
   * Returns the line for a remark; `undefined` if it was shown for this recipient before.
   *
   * @param names The users that the person may have meant.
   */
  line(recipient: string, { code, message }: Notice, names: Iterable<string>): string | undefined {
    const key = `${code} ${recipient}`;
    if (this.#shown.has(key)) return undefined;
    this.#shown.add(key);
    // A server could make up any number of remarks.
    if (this.#shown.size > LIMITS.metUsers.default) {
      this.#shown.delete(this.#shown.values().next().value!);
    }
    const near = code === ErrorCode.UnknownRecipient ? similarName(recipient, names) : undefined;
    return near === undefined ? message : `${message}. Did you mean ${near}?`;
  }
}
