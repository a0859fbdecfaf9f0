/**
 * Makes receipts: accepted, delivered, sent and refused. Does not know how they are sent.
 *
 * @module
 */
import { ErrorCode, type Receipt, ReceiptState } from "@netlab/protocol/codec";

/** The receipt that says that a message is stored. */
export function accepted(id: string): Receipt {
  return { id, state: ReceiptState.Accepted, code: 0, reason: "" };
}

/** The receipt that says that a message was delivered: the recipient's client has acknowledged it. */
export function delivered(id: string): Receipt {
  return { id, state: ReceiptState.Delivered, code: 0, reason: "" };
}

/** The receipt that says that a message was sent to a legacy program, which confirms nothing. */
export function sent(id: string): Receipt {
  return { id, state: ReceiptState.Delivered, code: ErrorCode.Unconfirmed, reason: "" };
}

/** Whether a receipt in the state delivered is confirmed: the recipient's client has acknowledged the message. */
export function isConfirmed({ code }: Receipt): boolean {
  return code !== ErrorCode.Unconfirmed;
}

/** The receipt that says that a message was refused, with a code of `ErrorCode` and the reason as a sentence. */
export function refused(id: string, code: number, reason: string): Receipt {
  return { id, state: ReceiptState.Refused, code, reason };
}
