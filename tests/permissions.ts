/**
 * Which tests can run with the permissions at hand, so that plain `deno test` passes and
 * `deno task test` runs everything. Asks for nothing; `permissions_test.ts` says what is left out.
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

/** For the `ignore` of a test: `true` when what it needs was not permitted. */
export const ignoreUnless = {
  /** Sockets on 127.0.0.1. */
  net,
  /** Programs started as processes, and sockets to talk to them. */
  run: run || net,
  /** Files that are read. */
  read,
  /** Files that are written, below `data/`. */
  write,
};
