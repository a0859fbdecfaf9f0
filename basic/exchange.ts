/**
 * One question to one server over one connection, and what came of it. Owns the connection. The caller
 * decides what to ask, how often, and for how long.
 *
 * @module
 */
import type { Address } from "@netlab/protocol/address";
import { ANSWER, MAX_TEXT_BYTES } from "./greeting.ts";

/** What came of a question. Of two results, the greater one says more about the server. */
export const Result = {
  /** The question was given up before anything came back. */
  Silence: 0,
  /** There was no connection. */
  NoConnection: 1,
  /** The server closed or reset the connection without a reply. */
  Closed: 2,
  /** The server replied something else than `world`. */
  OtherReply: 3,
  /** The server replied `world`. */
  Answer: 4,
} as const;
/** What came of a question. */
export type Result = typeof Result[keyof typeof Result];

/** A question that was asked. */
export interface Exchange {
  /** What came of it. */
  readonly result: Result;
  /** The time from opening the connection to the result: milliseconds. */
  readonly ms: number;
  /** Why there was no answer, in a few words; `undefined` after an answer or silence. */
  readonly reason?: string;
}

/**
 * Asks a server a question over a new connection.
 *
 * @param signal Gives up when it aborts.
 * @throws {Deno.errors.NotCapable} When Deno has no network permission for the address.
 */
export async function ask(
  address: Address,
  question: string,
  signal: AbortSignal,
): Promise<Exchange> {
  const started = performance.now();
  const ended = (result: Result, reason?: string): Exchange => ({
    result,
    ms: performance.now() - started,
    ...reason !== undefined && { reason },
  });
  try {
    const reply = await exchange(address, question, signal);
    if (reply === "") return ended(Result.Closed, "closed without an answer");
    const line = reply.replace(/\r?\n.*/s, "");
    if (line === ANSWER) return ended(Result.Answer);
    return ended(Result.OtherReply, `answered ${JSON.stringify(line.slice(0, 32))}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    if (signal.aborted) return ended(Result.Silence);
    if (isReset(error)) return ended(Result.Closed, "connection reset");
    return ended(Result.NoConnection, reasonOf(error));
  }
}

/**
 * Sends `question`, and returns the reply: `world`, or a line and what came with it, or all that came.
 * After a question without a line end, it ends its half of the connection, so that the server does not
 * wait for a line end.
 */
async function exchange(address: Address, question: string, signal: AbortSignal): Promise<string> {
  using conn = await Deno.connect({ ...address, signal });
  const close = () => conn[Symbol.dispose]();
  signal.addEventListener("abort", close);
  if (signal.aborted) close();
  await conn.write(new TextEncoder().encode(question));
  if (!question.endsWith("\n")) await conn.closeWrite();
  const buffer = new Uint8Array(MAX_TEXT_BYTES);
  let length = 0;
  let reply = "";
  while (reply !== ANSWER && !reply.includes("\n") && length < buffer.length) {
    const count = await conn.read(buffer.subarray(length));
    if (count === null) break;
    length += count;
    reply = new TextDecoder().decode(buffer.subarray(0, length));
  }
  return reply;
}

/** Whether the server broke the connection. The error that Deno throws depends on the call that fails. */
function isReset(error: unknown): boolean {
  const { BrokenPipe, ConnectionReset, NotConnected } = Deno.errors;
  return [BrokenPipe, ConnectionReset, NotConnected].some((kind) => error instanceof kind);
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.ConnectionRefused) return "connection refused";
  if (error instanceof Deno.errors.TimedOut) return "connection timed out";
  if (error instanceof Deno.errors.NetworkUnreachable) return "network unreachable";
  const message = error instanceof Error ? error.message : String(error);
  // Deno has no error class for names that cannot be resolved.
  return message.startsWith("failed to lookup address") ? "unknown host name" : message;
}
