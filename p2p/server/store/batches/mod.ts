/**
 * How messages are stored together, with check codes that tell damaged ones from good ones. For stores other than
 * the one in `p2p/server/`, and for tests.
 *
 * @example
 * ```ts
 * import { FrameWriter, MessageKind, writeMessage } from "@netlab/protocol";
 * import { BatchWriter, readBatch } from "@netlab/p2p/batches";
 *
 * const out = new FrameWriter();
 * const message = { id: crypto.randomUUID(), sender: "Alice", recipient: "Bob", text: "Hello" };
 * writeMessage(out, message, MessageKind.Durable);
 * const bytes = out.take();
 * const value = new BatchWriter().encode(1, [{ bytes, start: 0, end: bytes.length, acceptedAt: Date.now() }]);
 * value[40]! ^= 1;
 * readBatch(1, value).damaged; // 1
 * ```
 *
 * @module
 */
export type { StoredMessage } from "../../../core/mailbox/message_store.ts";
export type { WholeFrame } from "../../../core/routing/frame_run.ts";
export * from "./batch_codec.ts";
export * from "./batch_state.ts";
export * from "./check_code.ts";
export * from "./stored_message.ts";
