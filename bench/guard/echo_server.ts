/**
 * Answers all bytes with the same bytes and does nothing else: the yardstick for what a server of one
 * thread reaches on a machine. A program; its port is its only argument, or `--version`.
 *
 * @module
 */
import { Acceptor } from "@netlab/protocol/accept";

/** Length of the buffer of a connection on which little comes: bytes. */
const QUIET_BYTES = 512;
/** And of one whose buffer was full once. */
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
