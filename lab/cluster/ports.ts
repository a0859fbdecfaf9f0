/**
 * Ports for servers that come and go. Owns which ones are safe to come back to.
 *
 * @module
 */
import { DEFAULT_HOST } from "@netlab/protocol";

/**
 * Systems take the ports of outgoing connections from above this range. A server's port that lies there
 * could be taken while the server is down, even by somebody who tries to reach it and so reaches
 * himself.
 */
const LOWEST = 10_000;
const HIGHEST = 32_000;
const MAX_TRIES = 10_000;

/**
 * Ports that are free on 127.0.0.1 at the moment, each another one, and not likely to be taken by
 * others.
 *
 * @throws {Error} When there are not so many.
 */
export function freePorts(count: number): number[] {
  const listeners: Deno.TcpListener[] = [];
  try {
    for (let tries = 0; listeners.length < count; tries++) {
      const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
      try {
        listeners.push(Deno.listen({ hostname: DEFAULT_HOST, port }));
      } catch (cause) {
        if (!(cause instanceof Deno.errors.AddrInUse) || tries > MAX_TRIES) {
          throw new Error(`Cannot find ${count} free ports`, { cause });
        }
      }
    }
    return listeners.map((listener) => listener.addr.port);
  } finally {
    for (const listener of listeners) listener.close();
  }
}
