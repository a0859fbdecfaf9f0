/**
 * The basic client: greets servers, and reports who answered and how fast. Owns the choice of questions
 * and the time limit. One question is in `exchange.ts`, and the program is in
 * `terminal/client_program.ts`.
 *
 * @module
 */
import { type Address, formatAddress } from "@netlab/protocol/address";
import { ask, type Exchange, Result } from "./exchange.ts";
import { QUESTION } from "./greeting.ts";

export type { Address } from "@netlab/protocol";

/** The result of greeting one server. */
export interface Greeting {
  /** The address of the server, `host:port`. */
  address: string;
  /** Whether the server replied `world`. */
  answered: boolean;
  /**
   * The time from opening the connection to the answer: milliseconds. Without an answer, the time until
   * the client gave up.
   */
  ms: number;
  /** Why there was no answer, in a few words. Absent after an answer. */
  reason?: string;
}

/** Options of {@linkcode greet} and {@linkcode greetAll}. */
export interface GreetOptions {
  /**
   * How long to wait for an answer, from the first connection on: milliseconds.
   *
   * @default {2000}
   */
  timeoutMs?: number;
  /** Gives up when it aborts. */
  signal?: AbortSignal;
}

/** After these results, the server may still answer the other form of the question. */
const RETRIED: readonly Result[] = [Result.Closed, Result.OtherReply];

/**
 * Greets one server. A server that does not answer is a result, not an error.
 *
 * The client first says `hello` without a line end, because the original server understands nothing else.
 * When the server closes the connection, replies something else, or has not answered in half of the time,
 * the client says `hello` with a line end over a second connection.
 *
 * @throws {Deno.errors.NotCapable} When Deno has no network permission for the address.
 * @throws {unknown} The reason of `signal` when it aborts.
 *
 * @example
 * ```ts
 * import { greet } from "@netlab/basic/client";
 *
 * const { answered, ms, reason } = await greet({ hostname: "127.0.0.1", port: 5001 });
 * ```
 */
export async function greet(address: Address, options: GreetOptions = {}): Promise<Greeting> {
  const { timeoutMs = 2_000, signal } = options;
  signal?.throwIfAborted();
  const started = performance.now();
  /** Ends both questions: at an answer, at the end of the time, or when `signal` aborts. */
  const end = new AbortController();
  const giveUp = () => end.abort();
  const deadline = setTimeout(giveUp, timeoutMs);
  const halfTime = Promise.withResolvers<void>();
  const halfTimer = setTimeout(halfTime.resolve, timeoutMs / 2);
  signal?.addEventListener("abort", giveUp);

  const askUntilEnd = async (question: string): Promise<Exchange> => {
    const exchange = await ask(address, question, end.signal);
    if (exchange.result === Result.Answer) giveUp();
    return exchange;
  };
  try {
    const bare = askUntilEnd(QUESTION);
    const early = Promise.race([bare, halfTime.promise]);
    const withLineEnd = early.then((exchange) =>
      exchange && !RETRIED.includes(exchange.result) ? exchange : askUntilEnd(`${QUESTION}\n`)
    );
    const [first, second] = await Promise.all([bare, withLineEnd]);
    const { result, ms, reason } = second.result > first.result ? second : first;
    const answered = result === Result.Answer;
    if (!answered) signal?.throwIfAborted();
    return {
      address: formatAddress(address),
      answered,
      ms: Math.round((answered ? ms : performance.now() - started) * 1_000) / 1_000,
      ...answered ? {} : { reason: reason ?? `no answer within ${timeoutMs / 1_000} s` },
    };
  } finally {
    clearTimeout(deadline);
    clearTimeout(halfTimer);
    signal?.removeEventListener("abort", giveUp);
  }
}

/**
 * Greets servers, all at the same time. Returns the results in the order of the addresses.
 *
 * @throws {Deno.errors.NotCapable} When Deno has no network permission for one of the addresses.
 * @throws {unknown} The reason of the signal when it aborts.
 */
export function greetAll(
  addresses: readonly Address[],
  options: GreetOptions = {},
): Promise<Greeting[]> {
  return Promise.all(addresses.map((address) => greet(address, options)));
}

if (import.meta.main) {
  const { runClientProgram } = await import("./terminal/client_program.ts");
  await runClientProgram(greetAll);
}
