/**
 * The watch mode of the rtt client program: shows the round-trip times of the servers round by round, and which
 * server a client would use, without registering a user. Owns the output. Measures and decides as a client does.
 *
 * @module
 */
import {
  bold,
  clip,
  dim,
  Live,
  OutputError,
  pause,
  print,
  STANDARD_TERMINAL,
  toJson,
  unlessAborted,
  written,
} from "@netlab/terminal";
import { DEFAULT_HOST, DEFAULT_PORTS, TrustFile } from "@netlab/protocol";
import { HomeNetwork, OwnToken, type TokenSource } from "@netlab/p2p/client";
import { type Round, Rounds, type RoundsOptions } from "../client/rounds.ts";
import { Chooser } from "../core/chooser.ts";
import { roundLine, serverTable } from "./server_table.ts";

/** What to watch, and how to show it. */
export interface WatchOptions extends RoundsOptions {
  /** The addresses of the first servers to measure; empty for the default ones. */
  readonly servers: readonly string[];
  /** The name of the network to watch; `undefined` for that of the first server that answers. */
  readonly network: string | undefined;
  /** The token for a network with keys, or where it comes from. */
  readonly token: TokenSource | undefined;
  /** Whether the token may be sent over connections that are not encrypted. */
  readonly insecureToken: boolean;
  /** Whether each round is printed as a JSON object in one line. */
  readonly json: boolean;
}

/** Watches until `stop` aborts. Returns the exit code. */
export async function watch(options: WatchOptions, stop: AbortSignal): Promise<number> {
  const given = options.servers.length > 0
    ? options.servers
    : DEFAULT_PORTS.map((port) => `${DEFAULT_HOST}:${port}`);
  if (options.tlsCa !== undefined) await new TrustFile(options.tlsCa).load();
  const inPlace = Deno.stdout.isTerminal() && !options.json;
  const token = new OwnToken(options.token, options.insecureToken);
  const network = new HomeNetwork(options.network ?? (await token.claims())?.network, given);
  let last: Round | undefined;
  using live = new Live((columns) => inPlace && last ? view(last, columns) : []);
  await using rounds = new Rounds(options, {
    known: () => given,
    heardAt: () => undefined,
    network: () => network,
    token,
    done(round) {
      const { server } = (last = round).decision;
      if (server !== undefined) {
        rounds.chooser.use(server);
        network.enter(server, rounds.networkOf(server));
      }
      if (options.json) print(toJson(record(round)));
      else if (!inPlace) print(roundLine(round));
      else if (round.decision.kind !== "kept") live.print(news(round));
    },
  });
  try {
    // A reader who is slower than the rounds slows them down.
    for (;;) {
      const next = performance.now() + Chooser.nextRoundMs(Math.random(), options.roundMs);
      await unlessAborted(rounds.measure(), stop);
      await unlessAborted(written(), stop);
      await unlessAborted(pause(next - performance.now()), stop);
    }
  } catch (error) {
    // Watching has no end of its own, so being stopped is success, and so is a reader who has seen enough.
    const isSeen = error instanceof OutputError && error.nobodyReads;
    if (error !== stop.reason && !isSeen) throw error;
  }
  live[Symbol.dispose]();
  if (inPlace && last) view(last, STANDARD_TERMINAL.size().columns).forEach((line) => print(line));
  return 0;
}

function view(round: Round, columns: number): string[] {
  return ["", ...serverTable(round, columns), "", round.decision.line]
    .map((line) => clip(line, columns - 1));
}

function news({ time, decision }: Round): string {
  return `${dim(time.toTimeString().slice(0, 8))}  ${bold(decision.line)}`;
}

/** A round as JSON, which `deno task lab flap --trace` can read. */
function record({ time, servers, decision }: Round): unknown {
  const round = (ms: number | undefined) =>
    ms === undefined ? undefined : Math.round(ms * 1_000) / 1_000;
  return {
    time: time.toISOString(),
    using: decision.server,
    decision: decision.kind,
    line: decision.line,
    servers: servers.map(({ server, nowMs, times, load, trouble }) => ({
      server,
      nowMs: nowMs === null ? null : round(nowMs),
      lowMs: round(times.lowMs),
      meanMs: round(times.meanMs),
      jitterMs: round(times.jitterMs),
      p95Ms: round(times.p95Ms),
      loss: Math.round(times.loss * 1_000) / 1_000,
      users: load,
      trouble,
    })),
  };
}
