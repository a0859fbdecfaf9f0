/**
 * Sends one greeting over one connection and returns the result. Owns the connection. The caller decides what
 * to send, how often, and how long to wait.
 *
 * @module
 */
import type { Address } from "@netlab/protocol/address";
import { quote } from "@netlab/protocol/quote";
import { ANSWER, MAX_TEXT_BYTES } from "./greeting.ts";

/** The result of an exchange. Of two results, the greater one says more about the server. */
export const Result = {
  /** The caller gave up before anything arrived. */
  Silence: 0,
  /** The connection could not be opened, or it failed. */
  NoConnection: 1,
  /** The server closed or reset the connection without a reply. */
  Closed: 2,
  /** The server replied something other than `world`. */
  OtherReply: 3,
  /** The server replied `world`. */
  Answer: 4,
} as const;
/** One of the numbers in {@linkcode Result}. */
export type Result = typeof Result[keyof typeof Result];

/** A completed exchange. */
export interface Exchange {
  /** The result of the exchange. */
  readonly result: Result;
  /** The time from opening the connection to the result: milliseconds. */
  readonly ms: number;
  /** Why there was no answer, in a few words. `undefined` after an answer or silence. */
  readonly reason?: string;
}

/**
 * Sends a greeting to a server over a new connection and waits for the reply.
 *
 * @param question The greeting.
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
    return ended(Result.OtherReply, `answered ${quote(line)}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    if (signal.aborted) return ended(Result.Silence);
    if (isReset(error)) return ended(Result.Closed, "connection reset");
    return ended(Result.NoConnection, reasonOf(error));
  }
}

/**
 * Sends `question` and returns the reply. Reads until the reply is `world`, contains a line end or is too
 * long, or until the server closes. If `question` has no line end, closes the writing half, so that the
 * server does not wait for one.
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

/** Returns whether the server broke the connection. Deno throws different errors for different calls. */
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
