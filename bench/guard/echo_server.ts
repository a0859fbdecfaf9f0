/**
 * Answers all bytes with the same bytes and does nothing else: the yardstick for what a server of one
 * thread reaches on a machine. A program; its port is its only argument.
 *
 * @module
 */

/** What a busy netlab connection reads at most. */
const BUFFER_BYTES = 64 * 1024;

async function echo(connection: Deno.TcpConn): Promise<void> {
  using _closed = connection;
  connection.setNoDelay();
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (let count; (count = await connection.read(buffer)) !== null;) {
    for (let at = 0; at < count;) at += await connection.write(buffer.subarray(at, count));
  }
}

if (import.meta.main) {
  const port = Number(Deno.args[0]);
  for await (const connection of Deno.listen({ hostname: "127.0.0.1", port })) {
    echo(connection).catch(() => {});
  }
}
