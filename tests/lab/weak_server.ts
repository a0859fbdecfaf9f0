/**
 * A basic server that logs 12 MB when a client first says something other than hello.
 *
 * @module
 */
import { print } from "@netlab/terminal";

const port = Number(Deno.args[Deno.args.indexOf("--port") + 1]);
const listener = Deno.listen({ hostname: "127.0.0.1", port });
print(`Listening on port ${port}`);
let hasLogged = false;
for await (const conn of listener) void answer(conn).catch(() => {}).finally(() => conn.close());

async function answer(conn: Deno.Conn): Promise<void> {
  const bytes = new Uint8Array(100);
  const length = await conn.read(bytes);
  const isGreeting = new TextDecoder().decode(bytes).startsWith("hello");
  if (isGreeting || length === null) await writeAll(conn, "world");
  else if (!hasLogged) {
    hasLogged = true;
    await writeAll(Deno.stdout, `${"x".repeat(999)}\n`.repeat(12_000));
  }
}

async function writeAll(to: Pick<Deno.Conn, "write">, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}
