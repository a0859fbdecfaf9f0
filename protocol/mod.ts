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
 * writeMessage(out, { id, sender: "Alice", recipient: "Bob", text: "Hello" }, MessageKind.Ephemeral);
 *
 * const decoder = new FrameDecoder((frame) => readMessage(frame.payload).text); // "Hello"
 * decoder.push(out.take());
 * ```
 *
 * @module
 */
export * from "./codec/mod.ts";
export * from "./transport/accept.ts";
export * from "./transport/dial.ts";
export * from "./transport/frame_connection.ts";
