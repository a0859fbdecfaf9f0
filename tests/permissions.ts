/**
 * Finds out which permissions are granted, so that plain `deno test` passes and `deno task test` runs all
 * tests. It never prompts. `permissions_test.ts` prints a hint when tests are ignored.
 *
 * @module
 */

async function missing(descriptor: Deno.PermissionDescriptor): Promise<boolean> {
  return (await Deno.permissions.query(descriptor)).state !== "granted";
}

const net = await missing({ name: "net", host: "127.0.0.1" });
const run = await missing({ name: "run", command: Deno.execPath() });
const read = await missing({ name: "read", path: new URL("..", import.meta.url) });
const write = await missing({ name: "write", path: new URL("../data", import.meta.url) });

/** Values for the `ignore` of a test: `true` when the permission is missing. */
export const ignoreUnless = {
  /** To use sockets on 127.0.0.1. */
  net,
  /** To start programs, and to use sockets. */
  run: run || net,
  /** To read files. */
  read,
  /** To write files below `data/`. */
  write,
};
