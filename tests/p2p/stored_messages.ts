/**
 * Messages as a database of kept messages takes and gives them, and a folder for one. For its tests.
 *
 * @module
 */
import {
  FrameWriter,
  MessageKind,
  type Receipt,
  ReceiptRecords,
  ReceiptState,
  writeMessage,
} from "@netlab/protocol";
import type { StoredMessage } from "../../p2p/core/mailbox/message_store.ts";
import type { Logger } from "../../p2p/core/logger.ts";
import { TestFolder } from "../folders.ts";
import { ignoreUnless } from "../permissions.ts";

/** The database in its folder. */
export const FILE = "messages.db";

/** A folder that is gone when the test has ended, and what was logged as an error. */
export function folder(): Disposable & {
  path: string;
  file: string;
  errors: string[];
  logger: Logger;
} {
  const folder = new TestFolder();
  const { path } = folder;
  const errors: string[] = [];
  const ignore = () => {};
  const error = (_: string, properties?: Record<string, unknown>) => {
    errors.push(`${properties?.event} ${properties?.aside}`);
  };
  return {
    path,
    file: `${path}/${FILE}`,
    errors,
    logger: { debug: ignore, info: ignore, warn: ignore, error },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** A message that nobody has written down yet. */
export function message(text: string, recipient = "Bob"): StoredMessage {
  const id = crypto.randomUUID();
  const out = new FrameWriter();
  writeMessage(out, { id, sender: "Zoë", recipient, text }, MessageKind.Durable);
  const bytes = out.take();
  const acceptedAt = 1_800_000_000_123;
  return {
    id,
    sender: "Zoë",
    recipient,
    acceptedAt,
    bytes,
    start: 0,
    end: bytes.length,
    offset: 0,
  };
}

/** No ends of stories. */
export const NONE = new Uint8Array(0);

/** Ends of stories as they are written down. */
export function ends(receipts: readonly Receipt[]): Uint8Array {
  const records = new ReceiptRecords();
  for (const receipt of receipts) records.addReceipt(receipt);
  return records.bytes;
}

/** It was delivered. */
export function endOf({ id }: { readonly id: string }): Receipt {
  return { id, state: ReceiptState.Delivered, code: 0, reason: "" };
}

/** What messages say, wherever they lie. */
export function contents(messages: Iterable<StoredMessage>) {
  return [...messages].map(({ id, sender, recipient, acceptedAt, bytes, start, end }) => ({
    ...{ id, sender, recipient, acceptedAt },
    frame: bytes.slice(start, end),
  }));
}

/** Their ids, in order. */
export function ids(messages: Iterable<StoredMessage>): string[] {
  return [...messages].map(({ id }) => id);
}

/** A test that reads and writes files. */
export function onDisk(name: string, fn: () => void): void {
  Deno.test({ name, ignore: ignoreUnless.read || ignoreUnless.write, fn });
}
