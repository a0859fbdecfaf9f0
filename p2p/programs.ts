/**
 * The programs around messaging servers and clients, for systems that are built on this one.
 *
 * @module
 */
export type { ChatCommand } from "./chat.ts";
export * from "./client_program.ts";
export * from "./server_program.ts";
