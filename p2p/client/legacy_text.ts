/**
 * The plain text that a legacy server delivers, cut into messages. It carries no boundaries: what arrives
 * together is one text. Owns how long the rest of a text is waited for, and who is said to have sent it;
 * knows no connection.
 *
 * @module
 */
import { type Message, whyNotAName } from "@netlab/protocol";

/** The longest text that is put together; the rest of a longer one is a message of its own. Bytes. */
const MAX_BYTES = 64 * 1024;
/** A read that brings less has brought the end of a text: reads are at least this long. Bytes. */
const FULL_READ_BYTES = 512;
/** A text of up to this length comes in one TCP segment: the rest of it is there already. Bytes. */
const SEGMENT_BYTES = 1_200;
/** How long the rest of it is waited for: milliseconds. */
const SAME_SEGMENT_MS = 20;
/** The same for a longer text, of which each part may take a round trip: milliseconds. */
const NEXT_SEGMENT_MS = 250;

/** Puts texts together. */
export class LegacyTexts {
  readonly #onText: (text: string, isRest: boolean) => void;
  readonly #decoder = new TextDecoder();
  #text = "";
  #bytes = 0;
  /** Whether a text was cut here because it was too long. */
  #isRest = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Nothing yet; `onText` hears each text, and whether it is the rest of the one before. */
  constructor(onText: (text: string, isRest: boolean) => void) {
    this.#onText = onText;
  }

  /** A read brought these bytes. */
  add(bytes: Uint8Array): void {
    clearTimeout(this.#timer);
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + MAX_BYTES - this.#bytes);
      at += part.length;
      this.#bytes += part.length;
      this.#text += this.#decoder.decode(part, { stream: true });
      if (this.#bytes === MAX_BYTES) this.#deliver(true);
    }
    if (bytes.length < FULL_READ_BYTES) return this.#deliver(false);
    const ms = this.#bytes <= SEGMENT_BYTES ? SAME_SEGMENT_MS : NEXT_SEGMENT_MS;
    this.#timer = setTimeout(() => this.#deliver(false), ms);
  }

  /** No more will come. */
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
 * The message in a text. A legacy server delivers `sender: text`; where no name stands, as in the rest
 * of a long text, the sender is the empty string.
 */
export function legacyMessage(text: string, isRest: boolean, recipient: string): Message {
  const colon = isRest ? -1 : text.indexOf(": ");
  const sender = text.slice(0, Math.max(0, colon));
  const isNamed = colon > 0 && whyNotAName(sender) === undefined;
  return {
    id: crypto.randomUUID(),
    sender: isNamed ? sender : "",
    recipient,
    text: isNamed ? text.slice(colon + 2) : text,
  };
}
