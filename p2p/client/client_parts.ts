/**
 * What a client consists of, in one: loaded when one starts, and not for whoever asks the program for its
 * version.
 *
 * @module
 */
export { checkName } from "@netlab/protocol";
export { ClientSession } from "../core/session/client_session.ts";
export { MessageIds } from "../core/dedup/sequence_ids.ts";
export { PublishQueue } from "../core/session/publish_queue.ts";
export { Inbox } from "./inbox.ts";
export { Outbox } from "./outbox.ts";
export { Roaming } from "./roaming.ts";
