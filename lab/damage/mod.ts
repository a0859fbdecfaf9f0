/**
 * Damages the files of a server that stores messages, and checks what the server makes of them.
 *
 * @module
 */
export * from "./damage.ts";
export * from "./store_damage.ts";
export * from "./template.ts";
