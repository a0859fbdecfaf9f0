/**
 * Splits the plain text from a legacy server into messages. The text has no boundaries, so what arrives
 * together counts as one message. Owns how long it waits for the rest of a text, and how it finds the sender's
 * name. Must not know connections.
 *
 * @module
 */
import { invalidNameReason, MAX_NAME_BYTES, type Message } from "@netlab/protocol/codec";
import { randomUuid } from "../random_uuid.ts";

/** The longest text of one message. The rest of a longer text becomes another message. */
const MAX_BYTES = 64 * 1024;
/** A text of up to this size arrives in one TCP segment, or in a few. */
const SHORT_BYTES = 1_200;
/** How long to wait for the rest of a short text: milliseconds. */
const SHORT_WAIT_MS = 20;
/** How long to wait for the rest of a longer text, each part of which may take a round trip: milliseconds. */
const LONG_WAIT_MS = 250;

/** Joins the parts of texts. */
export class LegacyTexts {
  readonly #onText: (text: string, isRest: boolean) => void;
  readonly #decoder = new TextDecoder();
  #text = "";
  #bytes = 0;
  /** Whether more may have arrived together with the last read, and when that was: milliseconds. */
  #last = { isCut: false, at: 0 };
  /** Whether this text is the rest of one that was too long. */
  #isRest = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Starts without text.
   *
   * @param onText Receives each text. `isRest` is set when it is the rest of the previous text.
   */
  constructor(onText: (text: string, isRest: boolean) => void) {
    this.#onText = onText;
  }

  /**
   * Adds the bytes of one read.
   *
   * @param isCut Whether more may have arrived together with them.
   */
  add(bytes: Uint8Array, isCut: boolean): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    const isSameRead = this.#last.isCut && now - this.#last.at < SHORT_WAIT_MS;
    this.#last = { isCut, at: now };
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + MAX_BYTES - this.#bytes);
      const text = this.#decoder.decode(part, { stream: true });
      // Text that begins with a name is another message, unless the previous read was cut off in this one.
      if (at === 0 && this.#bytes > 0 && !isSameRead && senderEnd(text) > 0) this.#deliver(false);
      at += part.length;
      this.#bytes += part.length;
      this.#text += text;
      if (this.#bytes >= MAX_BYTES) this.#deliver(true);
    }
    const ms = this.#bytes <= SHORT_BYTES ? SHORT_WAIT_MS : LONG_WAIT_MS;
    this.#timer = setTimeout(() => this.#deliver(false), ms);
  }

  /** Delivers the remaining text. */
  end(): void {
    clearTimeout(this.#timer);
    this.#deliver(false);
  }

  #deliver(isCut: boolean): void {
    const text = this.#text;
    const isRest = this.#isRest;
    this.#text = "";
    this.#bytes = 0;
    this.#isRest = isCut;
    if (text !== "") this.#onText(text, isRest);
  }
}

/**
 * Converts a text into a message. A legacy server delivers `sender: text`. When the text does not begin with a
 * name, as in the rest of a long text, the sender is the empty string.
 */
export function legacyMessage(text: string, isRest: boolean, recipient: string): Message {
  const end = isRest ? 0 : senderEnd(text);
  return {
    id: randomUuid(),
    sender: text.slice(0, end),
    recipient,
    text: end > 0 ? text.slice(end + SEPARATOR.length) : text,
  };
}

const SEPARATOR = ": ";

/** The end of the name with which a text begins; 0 when it does not begin with a name. */
function senderEnd(text: string): number {
  const end = text.slice(0, MAX_NAME_BYTES + SEPARATOR.length).indexOf(SEPARATOR);
  return end > 0 && invalidNameReason(text.slice(0, end)) === undefined ? end : 0;
}
