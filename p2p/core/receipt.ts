/**
 * Receipts as values: accepted, delivered, sent, refused. Knows nothing of how they reach anybody.
 *
 * @module
 */
import { ErrorCode, type Receipt, ReceiptState } from "@netlab/protocol/codec";

/** A receipt that says that a message is safe. */
export function accepted(id: string): Receipt {
  return { id, state: ReceiptState.Accepted, code: 0, reason: "" };
}

/** A receipt that says that a message was delivered. */
export function delivered(id: string): Receipt {
  return { id, state: ReceiptState.Delivered, code: 0, reason: "" };
}

/** A receipt that says that a message was handed to a legacy program, which confirms nothing. */
export function sent(id: string): Receipt {
  return { id, state: ReceiptState.Delivered, code: ErrorCode.Unconfirmed, reason: "" };
}

/** Whether the recipient's client has acknowledged the message of a receipt that says delivered. */
export function isConfirmed({ code }: Receipt): boolean {
  return code !== ErrorCode.Unconfirmed;
}

/** A receipt that says that a message was refused, and why. */
export function refused(id: string, code: number, reason: string): Receipt {
  return { id, state: ReceiptState.Refused, code, reason };
}
