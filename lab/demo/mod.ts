/**
 * A network to look at: {@linkcode DemoNetwork}.
 *
 * @module
 */
export * from "./demo_network.ts";
