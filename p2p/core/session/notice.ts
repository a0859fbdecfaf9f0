/**
 * What a server's receipt means for the sender of a message: a remark, or an error. Knows the sentences for
 * remarks that come without one, but not when a server makes them.
 *
 * @module
 */
import { ErrorCode, NetlabError, type ReceiptCursor } from "@netlab/protocol/codec";

/** What a server says about a message that it did not refuse. */
export interface Notice {
  /**
   * What it is: {@linkcode ErrorCode.UnknownRecipient}, {@linkcode ErrorCode.NotStored}, or an unknown code from
   * a newer version.
   */
  readonly code: number;
  /** The same for people. */
  readonly message: string;
}

/** Returns the remark in a receipt that accepts a message or reports its delivery, if there is one. */
export function noticeIn(receipt: ReceiptCursor, recipient: string): Notice | undefined {
  const { code } = receipt;
  if (code === 0 || code === ErrorCode.Unconfirmed) return undefined;
  return { code, message: receipt.reason || sentence(code, recipient) };
}

/** Returns the error for a message that a server has refused. */
export function refusal(
  { code, reason }: ReceiptCursor,
  { recipient, isElsewhere }: { readonly recipient: string; readonly isElsewhere: boolean },
): NetlabError {
  if (!isElsewhere) return new NetlabError(code, reason);
  return new NetlabError(
    ErrorCode.NotStored,
    `Cannot tell whether ${recipient} will get the message: it was sent before the connection was lost, and ` +
      `now another server refuses it (${reason})`,
  );
}

function sentence(code: number, recipient: string): string {
  switch (code) {
    case ErrorCode.UnknownRecipient:
      return `no one called ${recipient} has been here`;
    case ErrorCode.NotStored:
      return `delivered to ${recipient} without being stored: the server's storage is full`;
    default:
      return `the server has a remark with the code ${code}`;
  }
}
