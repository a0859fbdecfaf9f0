/**
 * The plain text that a legacy server delivers, cut into messages. It carries no boundaries: what arrives
 * together is one text. Owns how long the rest of a text is waited for, and who is said to have sent it;
 * knows no connection.
 *
 * @module
 */
import { invalidNameReason, MAX_NAME_BYTES, type Message } from "@netlab/protocol";

/** The longest text that is put together; the rest of a longer one is a message of its own. Bytes. */
const MAX_BYTES = 64 * 1024;
/** A read of at least this length may have brought a part of what was there: bytes. */
const FULL_READ_BYTES = 512;
/** A text of up to this length comes in one TCP segment, or in few: bytes. */
const SHORT_BYTES = 1_200;
/** How long the rest of a short text is waited for: milliseconds. */
const SHORT_WAIT_MS = 20;
/** The same for a longer text, of which each part may take a round trip: milliseconds. */
const LONG_WAIT_MS = 250;

/** Puts texts together. */
export class LegacyTexts {
  readonly #onText: (text: string, isRest: boolean) => void;
  readonly #decoder = new TextDecoder();
  #text = "";
  #bytes = 0;
  /** How long the last read was, and when it came: bytes, and milliseconds. */
  #last = { bytes: 0, at: 0 };
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
    const now = performance.now();
    const isSameRead = this.#last.bytes >= FULL_READ_BYTES && now - this.#last.at < SHORT_WAIT_MS;
    this.#last = { bytes: bytes.length, at: now };
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + MAX_BYTES - this.#bytes);
      const text = this.#decoder.decode(part, { stream: true });
      // What begins with a name is another text, unless the read before it was too short for all of this one.
      if (at === 0 && this.#bytes > 0 && !isSameRead && senderEnd(text) > 0) this.#deliver(false);
      at += part.length;
      this.#bytes += part.length;
      this.#text += text;
      if (this.#bytes >= MAX_BYTES) this.#deliver(true);
    }
    const ms = this.#bytes <= SHORT_BYTES ? SHORT_WAIT_MS : LONG_WAIT_MS;
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
  const end = isRest ? 0 : senderEnd(text);
  return {
    id: crypto.randomUUID(),
    sender: text.slice(0, end),
    recipient,
    text: end > 0 ? text.slice(end + SEPARATOR.length) : text,
  };
}

const SEPARATOR = ": ";

/** Where the name ends with which a text begins; 0 when it begins with none. */
function senderEnd(text: string): number {
  // A name has 255 bytes at most.
  const end = text.slice(0, MAX_NAME_BYTES + SEPARATOR.length).indexOf(SEPARATOR);
  return end > 0 && invalidNameReason(text.slice(0, end)) === undefined ? end : 0;
}
