/**
 * Creates receipts: accepted, delivered, sent and refused. Does not know how they are sent.
 *
 * @module
 */
import { ErrorCode, type Receipt, ReceiptState } from "@netlab/protocol/codec";

/** Creates the receipt for a message that is stored. */
export function accepted(id: string): Receipt {
  return { id, state: ReceiptState.Accepted, code: 0, reason: "" };
}

/** Creates the receipt for a message that the recipient's client has acknowledged. */
export function delivered(id: string): Receipt {
  return { id, state: ReceiptState.Delivered, code: 0, reason: "" };
}

/**
 * Creates the receipt for a message that was sent to a legacy program, which acknowledges nothing.
 */
export function sent(id: string): Receipt {
  return { id, state: ReceiptState.Delivered, code: ErrorCode.Unconfirmed, reason: "" };
}

/**
 * Returns whether the recipient's client has acknowledged the message of a receipt in the state
 * delivered.
 */
export function isConfirmed({ code }: Receipt): boolean {
  return code !== ErrorCode.Unconfirmed;
}

/**
 * Creates the receipt for a message that was refused.
 *
 * @param code A code of `ErrorCode`.
 * @param reason The reason, as a sentence.
 */
export function refused(id: string, code: number, reason: string): Receipt {
  return { id, state: ReceiptState.Refused, code, reason };
}
