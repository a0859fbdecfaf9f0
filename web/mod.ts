/**
 * The web pages of a messaging server: {@linkcode WebServer}.
 *
 * @module
 */
export * from "./server/web_server.ts";
export type { Packages, PackageSources } from "./server/assets.ts";
export type { Queries } from "./server/other_pages.ts";
