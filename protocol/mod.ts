/**
 * The protocol of netlab: frames, their payloads, and connections that carry them. Converts bytes to values
 * and back. `@netlab/p2p` defines what the values mean in a network.
 *
 * @example Write a message into a buffer and read it back
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
export * from "./codec/session_id.ts";
export * from "./transport/accept.ts";
export * from "./transport/dial.ts";
export * from "./transport/frame_connection.ts";
export * from "./transport/listen.ts";
export * from "./transport/system_errors.ts";
export * from "./transport/tls/certificate_files.ts";
export * from "./transport/tls/tls_errors.ts";
export * from "./transport/tls/tls_tunnel.ts";
export * from "./transport/tls/trust_file.ts";
