/**
 * Requests of HTTP as bytes, because a browser or `fetch` would not send what an attacker sends.
 *
 * @module
 */
import { concat } from "@std/bytes";

/** An answer. */
export interface RawAnswer {
  status: number;
  headers: Headers;
  text: string;
}

/** Sends a request and reads the answer to its end. */
export async function request(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<RawAnswer> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(head(port, path, { connection: "close", ...headers }, method));
  return parse(await readAll(conn));
}

/** The bytes of a request. */
export function head(
  port: number,
  path: string,
  headers: Record<string, string>,
  method = "GET",
): Uint8Array<ArrayBuffer> {
  const all = { host: `127.0.0.1:${port}`, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return new TextEncoder().encode(`${method} ${path} HTTP/1.1\r\n${lines}\r\n`);
}

/** The headers of a request for a WebSocket. */
export function upgrade(
  port: number,
  headers: Record<string, string> = {},
): Record<string, string> {
  return {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    origin: `http://127.0.0.1:${port}`,
    ...headers,
  };
}

/** Opens a WebSocket of which the test sees the bytes. */
export async function openSocket(port: number): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(head(port, "/connection", upgrade(port)));
  const buffer = new Uint8Array(4_096);
  const count = await conn.read(buffer);
  const answer = new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  if (answer.startsWith("HTTP/1.1 101 ")) return conn;
  throw new Error(answer);
}

/** The bytes of a frame of a WebSocket (RFC 6455), masked with zeros. */
export function socketFrame(
  payload: Uint8Array,
  opcode = 2,
  length = payload.length,
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(14);
  const view = new DataView(header.buffer);
  header[0] = 0x80 | opcode;
  header[1] = 0x80 | 127;
  view.setBigUint64(2, BigInt(length));
  return concat([header, payload]) as Uint8Array<ArrayBuffer>;
}

async function readAll(conn: Deno.TcpConn): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(64 * 1024);
  for (let count; (count = await conn.read(buffer)) !== null;) {
    parts.push(buffer.slice(0, count));
  }
  return concat(parts);
}

function parse(bytes: Uint8Array): RawAnswer {
  const all = new TextDecoder().decode(bytes);
  const [top = "", ...rest] = all.split("\r\n\r\n");
  const [first = "", ...lines] = top.split("\r\n");
  const headers = new Headers(
    lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  );
  return { status: Number(first.split(" ")[1]), headers, text: rest.join("\r\n\r\n") };
}
