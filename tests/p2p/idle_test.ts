/**
 * The memory that idle users cost.
 *
 * @module
 */
import { assert } from "@std/assert";
import * as p from "@netlab/protocol";
import { processTest as test } from "../kinds.ts";
import { type Process, Process as Program } from "../processes.ts";

/** Fewer than the files that systems let a process open by default. */
const USERS = 600;
/** How often the users join and leave. */
const ROUNDS = 3;
/** The largest memory of one idle user: bytes. */
const LIMIT = 4 * 1024;

async function join(port: number, name: string): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const out = new p.FrameWriter();
  p.writeSessionRegistration(out, { session: crypto.randomUUID(), name });
  await conn.write(out.take());
  assert((await conn.read(new Uint8Array(1_024)))! > 0);
  return conn;
}

/** The heap and array buffers that the server uses, when so many users are there: bytes. */
async function memory(server: Process, users: number): Promise<number> {
  for (;;) {
    await server.write("\n");
    const [there, bytes] = (await server.waitFor(/^\d+ \d+$/)).split(" ").map(Number);
    if (there === users) return bytes!;
  }
}

test("an idle user costs a server at most 4 KiB of heap, and nothing after leaving", async () => {
  await using server = Program.start("tests/p2p/idle_server.ts", [], {
    permissions: ["--v8-flags=--expose-gc", "--allow-net=127.0.0.1"],
    stdin: "piped",
  });
  const port = Number(await server.waitFor(/^\d+$/));
  const come = () =>
    Promise.all(Array.from({ length: USERS }, (_, number) => join(port, `user ${number}`)));
  const leave = (users: Deno.TcpConn[]) => users.forEach((user) => user.close());
  // A first round, so that all code has run and all buffers for reuse exist.
  const first = await come();
  await memory(server, USERS);
  leave(first);
  // Other work of the server only adds to the memory: the lowest value counts.
  let each = Infinity;
  let left = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const before = await memory(server, 0);
    const users = await come();
    const during = await memory(server, USERS);
    leave(users);
    const after = await memory(server, 0);
    each = Math.min(each, (during - before) / USERS);
    left = Math.min(left, (after - before) / USERS);
  }
  assert(each <= LIMIT, `an idle user costs ${Math.round(each)} bytes`);
  // Read buffers are parts of larger pieces, of which some are still in use.
  assert(left <= LIMIT / 2, `a user who has left costs ${Math.round(left)} bytes`);
});
