/**
 * Messaging in which time decides: {@linkcode RttServer} answers probes, {@linkcode RttClient} uses
 * the server that answers fastest.
 *
 * @module
 */
export * from "./client.ts";
export * from "./prober.ts";
export * from "./rules.ts";
export * from "./server.ts";
