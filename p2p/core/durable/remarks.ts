/**
 * The sentences with which a server refuses to store a message, or says something about one that it took.
 * Does not know when.
 *
 * @module
 */
import { ErrorCode, type Receipt, ReceiptState } from "@netlab/protocol/codec";
import { LIMITS } from "../limits.ts";
import { refused } from "../receipt.ts";
import type { Excess } from "../mailbox/usage.ts";

/** The longest part of a name in a sentence: UTF-16 code units. A reason has 255 bytes in all. */
const MAX_NAME_LENGTH = 25;

const HOUR_MS = 3_600_000;

/** What there is as much of as a limit permits. The number comes before it. */
const REACHED: Readonly<Partial<Record<keyof typeof LIMITS, string>>> = {
  maxMessages: "messages wait for them",
  maxBytes: "bytes of messages wait for them",
  maxTotalMessages: "messages are stored",
  maxMemoryBytes: "bytes of messages may be stored",
  maxDiskBytes: "bytes of messages may be stored",
  maxRecipients: "users have stored messages",
  maxUnknownNames: "names that nobody has used have stored messages",
};

/** The same for the share of one sender. */
const SHARE_REACHED: typeof REACHED = {
  maxTotalMessages: "of your messages are stored",
  maxMemoryBytes: "bytes of your messages may be stored",
  maxDiskBytes: "bytes of your messages may be stored",
  maxRecipients: "users have stored messages from you",
  maxUnknownNames: "names that nobody has used have stored messages from you",
};

/** Shows numbers to people. Creating a formatter takes a hundred times as long as using it. */
const NUMBERS = new Intl.NumberFormat("en");

/** Creates the refusal of a message that would exceed a limit. It names the limit and its flag. */
export function refusedBeyond(
  { limit, value, isShare }: Excess,
  id: string,
  recipient: string,
): Receipt {
  const { flag, code } = isShare
    ? LIMITS.maxSenderPercent
    : LIMITS[limit] as typeof LIMITS.maxBytes;
  const reached = (isShare ? SHARE_REACHED : REACHED)[limit];
  const whose = isShare ? "your share" : "the server's limit";
  const reason = `Cannot store a message for ${clipped(recipient)}: ` +
    `${NUMBERS.format(value)} ${reached}, ${whose}; its operator can raise --${flag}`;
  return refused(
    id,
    code,
    isShare ? reason.replace("its operator", "the server's operator") : reason,
  );
}

/** Creates the receipt, with a sentence, for a message that is stored although nobody has used the recipient's name. */
export function acceptedForUnknown(
  id: string,
  recipient: string,
  { maxAgeMs, remembersNames }: { maxAgeMs: number; remembersNames: boolean },
): Receipt {
  const since = remembersNames ? "" : " since the server started";
  const reason = `no one called ${clipped(recipient)} has been here${since}; kept for ${
    formatAge(maxAgeMs)
  }`;
  return { id, state: ReceiptState.Accepted, code: ErrorCode.UnknownRecipient, reason };
}

/** Creates the receipt for a message that was not stored and that nobody has acknowledged in time. */
export function unknownOutcome(id: string, recipient: string): Receipt {
  const reason = `Cannot tell whether ${clipped(recipient)} got the message: it was not stored, ` +
    "because the server's storage is full, and was not confirmed in time";
  return refused(id, ErrorCode.NotStored, reason);
}

function clipped(name: string): string {
  const characters = Array.from(name);
  if (characters.length <= MAX_NAME_LENGTH) return name;
  return `${characters.slice(0, MAX_NAME_LENGTH).join("")}…`;
}

function formatAge(ms: number): string {
  const hours = ms / HOUR_MS;
  const [count, unit] = hours >= 24
    ? [Math.floor(hours / 24), "day"]
    : hours >= 1
    ? [Math.floor(hours), "hour"]
    : [Math.ceil(ms / 1_000), "second"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
