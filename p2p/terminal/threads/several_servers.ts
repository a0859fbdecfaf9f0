/**
 * Starts a server for each of several ports, so that one program uses several cores. Knows neither options nor
 * signals.
 *
 * @module
 */
import { listenOn, untilAborted, UsageError } from "@netlab/terminal";
import type { Logger } from "../../core/logger.ts";
import type { WebOptionValues } from "../web_options.ts";
import {
  checkReadable,
  type RunningServer,
  ServerThread,
  type ThreadOptions,
} from "./server_thread.ts";

/**
 * Checks several ports. Each has its own server, and a folder that is found again at the next start.
 *
 * @throws {UsageError} When one is there twice, or cannot name a folder.
 */
export function checkPorts(ports: readonly number[], data: string | undefined): void {
  const twice = ports.find((port, at) => port !== 0 && ports.indexOf(port) !== at);
  if (twice !== undefined) {
    throw new UsageError(`Option --port: ${twice} is there twice; each server needs its own`);
  }
  if (ports.length > 1 && data !== undefined && ports.includes(0)) {
    throw new UsageError(
      "Option --data: several servers need fixed ports, by which their folders are named",
    );
  }
}

/** Starts several servers that know each other, the first with the web pages. If one cannot start, none does. */
export async function listenInThreads(
  module: string,
  options: readonly ThreadOptions[],
  web: WebOptionValues,
  logger: Logger,
): Promise<ServerThread[]> {
  await checkReadable(module);
  const servers: ServerThread[] = [];
  try {
    for (const own of options) {
      const others = own.nats ? [] : servers.map(({ address }) => address);
      const peers = [...own.peers ?? [], ...others];
      const pages = servers.length === 0 ? web : undefined;
      const thread = () => ServerThread.listen(module, { ...own, peers }, pages, logger);
      servers.push(await listenOn(own.hostname!, own.port!, thread));
    }
    return servers;
  } catch (error) {
    for (const server of servers) await server.drain();
    throw error;
  }
}

/** Waits until one of the servers in threads fails, or until the signal aborts: then there is no failure. */
export async function firstFailure(
  servers: readonly RunningServer[],
  stop: AbortSignal,
): Promise<Error | undefined> {
  return await Promise.race([
    untilAborted(stop).then(() => undefined),
    ...servers.filter((server) => server instanceof ServerThread).map(({ failed }) => failed),
  ]);
}
