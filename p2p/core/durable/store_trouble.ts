/**
 * What operators and senders learn when messages cannot be stored, and what becomes of stored messages when the
 * server closes. Owns the wording, and that each trouble is logged once. Does not know how messages are sent.
 *
 * @module
 */
import { NetlabError } from "@netlab/protocol/codec";
import type { Context } from "../host.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";
import { StoreGoneError } from "../mailbox/message_store.ts";

/** Why a message could not be stored, for its sender. */
const REASONS = {
  disk: "the server's disk cannot be written",
  unreachable: "what stores them cannot be reached",
  gone:
    "the server's data folder was removed or replaced; use another server, or tell its operator",
} as const;

/** Says in a few words, for its sender, why a message could not be stored. */
export function whyNotStored(error: unknown): string {
  return error instanceof NetlabError ? error.message : REASONS[troubleOf(error)];
}

/** Logs the trouble of one server with its store. */
export class StoreTrouble {
  readonly #context: Context;
  readonly #mailbox: Mailbox;
  /** What is wrong with the store, as far as it was logged. */
  #trouble: keyof typeof REASONS | undefined;

  /** Begins with a store that works. */
  constructor(context: Context, mailbox: Mailbox) {
    this.#context = context;
    this.#mailbox = mailbox;
  }

  /** Looks whether the store is still in its place. What is written after it was removed is not safe. */
  look(): void {
    const gone = this.#mailbox.checkStore();
    if (gone || this.#trouble === "gone") this.committed(gone);
  }

  /**
   * Logs once that messages cannot be stored, and once that they can again: the log may need the same
   * disk.
   *
   * @param error Why messages could not be stored; `undefined` if they were.
   */
  committed(error: unknown): void {
    const trouble = error === undefined ? undefined : troubleOf(error);
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    const { logger } = this.#context;
    const { usage: { messages: count } } = this.#mailbox;
    if (trouble === undefined) {
      logger.info("messages can be stored again", { event: "storage.restored" });
    } else if (trouble === "unreachable") {
      logger.error("cannot store messages, new ones are refused: {error}", {
        event: "storage.unreachable",
        error,
      });
    } else if (trouble === "disk") {
      logger.error("cannot store messages; new ones reach only users who are connected: {error}", {
        event: "storage.failed",
        error,
      });
    } else {
      logger.error(
        "cannot store messages, new ones are refused: {error}; put it back, or stop this server: it then gives " +
          "its stored messages ({count}) to another server, or copies them to a folder beside this one",
        { event: "storage.gone", error, count },
      );
    }
  }

  /** Logs what happens to the stored messages when the server closes. Rescues them if the store is gone. */
  closed(): void {
    const { logger } = this.#context;
    const { durable, isShared, usage: { messages: count } } = this.#mailbox;
    // Other servers deliver what is stored in a shared place.
    if (count === 0 || isShared) return;
    const gone = this.#mailbox.checkStore();
    const [messages, are, were, them, stay] = count === 1
      ? ["1 message", "is", "was", "it", "stays"]
      : [`${count} messages`, "are", "were", "them", "stay"];
    if (gone) {
      try {
        const place = this.#mailbox.rescue();
        if (place !== undefined) {
          return logger.error(
            `${messages} ${were} copied to {place}, because no other server could take ${them} and {error}; ` +
              `start a server with that data folder to deliver ${them}`,
            { event: "storage.rescued", count, place, error: gone },
          );
        }
      } catch (cause) {
        logger.error("cannot copy the stored messages to another folder: {error}", {
          event: "storage.unrescued",
          error: cause,
        });
      }
      return logger.error(
        `${messages} ${are} lost, unless you put the data folder back before the next start: no other server ` +
          `could take ${them}, and {error}`,
        { event: "storage.lost", count, error: gone },
      );
    }
    if (durable) {
      return logger.info(`${messages} ${stay} in the data folder until the next start`, {
        event: "storage.left",
        count,
      });
    }
    logger.warn(
      `${messages} in memory ${are} lost: no other server could take ${them}; ` +
        `start the server with --data DIR to keep ${them}`,
      { event: "storage.lost", count },
    );
  }
}

function troubleOf(error: unknown): keyof typeof REASONS {
  if (error instanceof NetlabError) return "unreachable";
  return error instanceof StoreGoneError ? "gone" : "disk";
}
