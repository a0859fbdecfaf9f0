/**
 * The wire of netlab: frames, the payloads inside them, and a connection that carries them. Bytes in,
 * values out; what the values mean to a network is for `@netlab/p2p` to know.
 *
 * @example Two frames in one write, and back
 * ```ts
 * import { FrameDecoder, FrameWriter, MessageKind, readMessage, writeMessage } from "@netlab/protocol";
 *
 * const out = new FrameWriter();
 * const id = crypto.randomUUID();
 * writeMessage(out, { id, sender: "Alice", recipient: "Bob", text: "Hello" }, MessageKind.Plain);
 *
 * const decoder = new FrameDecoder((frame) => readMessage(frame.payload).text); // "Hello"
 * decoder.push(out.take());
 * ```
 *
 * @module
 */
export * from "./accept.ts";
export * from "./address.ts";
export * from "./bundle.ts";
export * from "./error_frame.ts";
export * from "./errors.ts";
export * from "./frame.ts";
export * from "./frame_connection.ts";
export * from "./frame_decoder.ts";
export * from "./frame_writer.ts";
export * from "./information.ts";
export * from "./link_state.ts";
export * from "./message.ts";
export * from "./presence.ts";
export * from "./receipt.ts";
export * from "./registration.ts";
export * from "./text.ts";
export * from "./uuid.ts";
