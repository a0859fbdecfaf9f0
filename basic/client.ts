/**
 * The basic client: greets servers and tells who answered, and how fast. Run as a program, it shows that
 * as a table. What the words are is for `greeting.ts` to know.
 *
 * @module
 */
import { type Address, DEFAULT_HOST, DEFAULT_PORTS, formatAddress } from "@netlab/protocol/address";
import { ANSWER, MAX_TEXT_BYTES, QUESTION } from "./greeting.ts";

export type { Address } from "@netlab/protocol";

/** What came of greeting a server. */
export interface Greeting {
  /** The server, as `host:port`. */
  address: string;
  /** Whether it said `world`. */
  answered: boolean;
  /**
   * How long the answer took, from opening the connection that it came over: milliseconds. Without an
   * answer, how long it took to find that out.
   */
  ms: number;
  /** Why there was no answer, in a few words; absent when there was one. */
  reason?: string;
}

/** How {@linkcode greet} waits. */
export interface GreetOptions {
  /**
   * How long to wait for the answer, connections included: milliseconds.
   *
   * @default {2000}
   */
  timeoutMs?: number;
  /** Gives up when it aborts. */
  signal?: AbortSignal;
}

/**
 * Greets one server. That it does not answer is a result, not an error.
 *
 * It says a bare `hello` first, which is all that the original server understands. A server that gives
 * no answer to that, or none in half of the time, is told `hello` and a line end over another connection.
 *
 * @throws {Deno.errors.NotCapable} When Deno was not given network access to the address.
 * @throws {unknown} The reason of `signal`, when it aborts.
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
  const cut = new AbortController();
  const giveUp = () => cut.abort();
  const deadline = setTimeout(giveUp, timeoutMs);
  const half = Promise.withResolvers<void>();
  const halfTime = setTimeout(half.resolve, timeoutMs / 2);
  signal?.addEventListener("abort", giveUp);
  const started = performance.now();
  const attempt = async (question: string): Promise<Outcome> => {
    const outcome = await ask(address, question, cut.signal);
    if (outcome.result === Result.Answer) giveUp(); // ends the other attempt
    return outcome;
  };
  try {
    const bare = attempt(QUESTION);
    const withLineEnd = Promise.race([bare, half.promise]).then((first) =>
      first && !RETRIED.includes(first.result) ? first : attempt(`${QUESTION}\n`)
    );
    const [first, second] = await Promise.all([bare, withLineEnd]);
    const { result, reason, ms } = second.result > first.result ? second : first;
    const answered = result === Result.Answer;
    if (!answered) signal?.throwIfAborted();
    return {
      address: formatAddress(address),
      answered,
      ms: Math.round((answered ? ms : performance.now() - started) * 1000) / 1000,
      ...answered ? {} : { reason: reason ?? `no answer within ${timeoutMs / 1000} s` },
    };
  } finally {
    clearTimeout(deadline);
    clearTimeout(halfTime);
    signal?.removeEventListener("abort", giveUp);
  }
}

/**
 * Greets servers, all at the same time. The results are in the order of the addresses.
 *
 * @throws {Deno.errors.NotCapable} When Deno was not given network access to one of them.
 * @throws {unknown} The reason of the signal, when it aborts.
 */
export function greetAll(
  addresses: readonly Address[],
  options: GreetOptions = {},
): Promise<Greeting[]> {
  return Promise.all(addresses.map((address) => greet(address, options)));
}

/** What came of one connection. The greater of two says more about the server. */
const Result = {
  /** Nothing, until the attempt was given up. */
  Silence: 0,
  /** There was no connection. */
  NoConnection: 1,
  /** The server ended the connection without a word. */
  End: 2,
  /** It said something else than `world`. */
  OtherWords: 3,
  /** It said `world`. */
  Answer: 4,
} as const;
type Result = typeof Result[keyof typeof Result];

/** After these, a server may still answer another question. */
const RETRIED: readonly Result[] = [Result.End, Result.OtherWords];

interface Outcome {
  result: Result;
  /** From opening the connection to the result: milliseconds. */
  ms: number;
  /** Why it is no answer, in a few words. */
  reason?: string;
}

/** Asks over a connection of its own. */
async function ask(address: Address, question: string, signal: AbortSignal): Promise<Outcome> {
  const started = performance.now();
  const outcome = (result: Result, reason?: string): Outcome => ({
    result,
    ms: performance.now() - started,
    ...reason !== undefined && { reason },
  });
  try {
    const reply = await exchange(address, question, signal);
    if (reply === "") return outcome(Result.End, "closed without an answer");
    const line = reply.replace(/\r?\n.*/s, "");
    if (line === ANSWER) return outcome(Result.Answer);
    return outcome(Result.OtherWords, `answered ${JSON.stringify(line.slice(0, 32))}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    if (signal.aborted) return outcome(Result.Silence);
    if (isReset(error)) return outcome(Result.End, "connection reset");
    return outcome(Result.NoConnection, reasonOf(error));
  }
}

/**
 * Says `question` and returns what comes back: `world`, a line and what came with it, or all there is.
 * After a question without a line end it ends the writing half, so that the server need not wait for one.
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

/** Whether the other side broke the connection. What Deno throws then depends on the call that notices. */
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

/** The program. What it needs beyond the library is loaded here, so that the library stays small. */
async function main(): Promise<never> {
  const { runProgram } = await import("@netlab/terminal/program");
  const { default: config } = await import("./deno.json", { with: { type: "json" } });

  return await runProgram({
    name: "netlab basic client",
    summary:
      "Greets servers, all at the same time, and shows which of them answered and how fast. " +
      "Ends with exit code 1 when one did not.",
    version: config.version,
    usage: "deno task basic:client [SERVER ...] [options]",
    options: {
      server: {
        kind: "address",
        repeat: true,
        positional: true,
        help:
          "Greet this server, HOST:PORT or a port of this machine; the name of the option may be " +
          `left out. Default: ports ${DEFAULT_PORTS.join(", ")} of ${DEFAULT_HOST}.`,
      },
      json: {
        kind: "flag",
        help: "Print a JSON object a server, each in a line: time, address, answered, ms, and " +
          "reason when it did not answer.",
      },
      watch: {
        kind: "flag",
        help: "Go on, round after round, until ctrl-C; the exit code is 0 then.",
      },
      every: {
        kind: "seconds",
        help: "With --watch: the time from one round to the next. Default: 2.",
      },
    },
    examples: [
      { command: "deno task basic:client", what: "Greets the five default servers" },
      { command: "deno task basic:client 5002", what: "Greets the server on port 5002" },
      { command: "deno task basic:client --watch --every 0.5", what: "Greets them twice a second" },
      { command: "deno task basic:client --json | jq .ms", what: "The times alone" },
    ],
  }, async ({ server, json, watch, every }, stop) => {
    // Nothing of this is needed to show the help or the version.
    const { dim, print, UsageError } = await import("@netlab/terminal");
    const { greetingTable } = await import("./report.ts");
    if (every !== undefined && !watch) throw new UsageError("Option --every goes with --watch");
    const addresses = server.length > 0
      ? server
      : DEFAULT_PORTS.map((port) => ({ hostname: DEFAULT_HOST, port }));
    const round = async (time: Date) => {
      const greetings = await greetAll(addresses, { signal: stop });
      const lines = json
        ? greetings.map((greeting) => JSON.stringify({ time, ...greeting }))
        : greetingTable(greetings);
      if (watch && !json) lines.unshift(dim(time.toTimeString().slice(0, 8)));
      for (const line of lines) print(line);
      return greetings.every(({ answered }) => answered);
    };
    if (!watch) return await round(new Date()) ? 0 : 1;
    try {
      for (;;) {
        const time = new Date();
        await round(time);
        if (!json) print();
        await delay((every ?? 2) * 1000 - (Date.now() - time.getTime()), stop);
      }
    } catch (error) {
      // It was to go on until it is stopped.
      if (error === stop.reason) return 0;
      throw error;
    }
  });
}

/** Waits for `ms`; throws the signal's reason when it aborts. */
async function delay(ms: number, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const onAbort = () => aborted.reject(signal.reason);
  const timer = setTimeout(aborted.resolve, ms);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    await aborted.promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

if (import.meta.main) await main();
