/**
 * Returns all bytes that it receives: what any server costs on this runtime. A program; its only argument
 * is its port, or `--version`.
 *
 * @module
 */
import { Acceptor } from "@netlab/protocol/accept";

/** Buffer of a connection: bytes. */
const QUIET_BYTES = 512;
/** Buffer of a connection that has filled the first one: bytes. */
const BUSY_BYTES = 64 * 1024;

async function echo(connection: Deno.TcpConn): Promise<void> {
  using _closed = connection;
  connection.setNoDelay();
  let buffer = new Uint8Array(QUIET_BYTES);
  for (let count; (count = await connection.read(buffer)) !== null;) {
    for (let at = 0; at < count;) at += await connection.write(buffer.subarray(at, count));
    if (count === QUIET_BYTES) buffer = new Uint8Array(BUSY_BYTES);
  }
}

if (import.meta.main) {
  if (Deno.args[0] === "--version") {
    Deno.stdout.writeSync(new TextEncoder().encode(`echo on Deno ${Deno.version.deno}\n`));
    Deno.exit();
  }
  const port = Number(Deno.args[0]);
  new Acceptor<Deno.TcpConn>(Deno.listen({ hostname: "127.0.0.1", port }), {
    accepted: (connection) => void echo(connection).catch(() => {}),
  });
}
