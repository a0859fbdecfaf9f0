/**
 * What a client consists of, in one: loaded when one starts, and not for whoever asks the program for its
 * version.
 *
 * @module
 */
export { checkName } from "@netlab/protocol";
export { ClientSession } from "./core/client_session.ts";
export { MessageIds } from "./core/counted_ids.ts";
export { Posting } from "./core/posting.ts";
export { Inbox } from "./inbox.ts";
export { Outbox } from "./outbox.ts";
export { Roaming } from "./roaming.ts";
