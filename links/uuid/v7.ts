/**
 * Stands in for `jsr:@std/uuid/v7` where only the npm registry can be reached: the same code, taken
 * from the npm package `deno-std`, with types for the part that this workspace uses.
 *
 * @module
 */
// @ts-types="./types.d.ts"
export * from "npm:deno-std@1.4.0/uuid/v7.js";
