/**
 * Messages and folders for the tests of the SQLite store.
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
import type { Logger, StoredMessage } from "@netlab/p2p/core";
import { TestFolder } from "../../../folders.ts";
import { ignoreUnless } from "../../../permissions.ts";

/** The database in its folder. */
export const FILE = "messages.db";

/** A folder that is deleted after the test, and the errors that were logged. */
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

/** A message that has not been stored yet. */
export function message(
  text: string,
  recipient = "Bob",
  id: string = crypto.randomUUID(),
): StoredMessage {
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

/** No outcomes. */
export const NONE = new Uint8Array(0);

/** Outcomes as they are stored. */
export function ends(receipts: readonly Receipt[]): Uint8Array {
  const records = new ReceiptRecords();
  for (const receipt of receipts) records.addReceipt(receipt);
  return records.bytes;
}

/** The outcome that a message was delivered. */
export function endOf({ id }: { readonly id: string }): Receipt {
  return { id, state: ReceiptState.Delivered, code: 0, reason: "" };
}

/** The contents of messages, whatever buffer they are in. */
export function contents(messages: Iterable<StoredMessage>) {
  return [...messages].map(({ id, sender, recipient, acceptedAt, bytes, start, end }) => ({
    ...{ id, sender, recipient, acceptedAt },
    frame: bytes.slice(start, end),
  }));
}

/** The ids of messages, in order. */
export function ids(messages: Iterable<StoredMessage>): string[] {
  return [...messages].map(({ id }) => id);
}

/** A test that reads and writes files. */
export function onDisk(name: string, fn: () => void): void {
  Deno.test({ name, ignore: ignoreUnless.read || ignoreUnless.write, fn });
}
