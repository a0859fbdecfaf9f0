/**
 * Load for real servers: users who send messages to each other and record what they saw, for
 * `checkHistory`.
 *
 * @module
 */
export * from "./load.ts";
