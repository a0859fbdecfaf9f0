/**
 * Finds free ports for servers that stop and start again.
 *
 * @module
 */
import { DEFAULT_HOST } from "@netlab/protocol";

/**
 * The range of ports to choose from. Operating systems take the ports of outgoing connections from above
 * this range. Up there, the port of a stopped server could be taken, even by a connection attempt to that
 * server, which would then reach itself.
 */
const LOWEST = 10_000;
const HIGHEST = 32_000;
const MAX_TRIES = 10_000;

/**
 * Finds different ports on 127.0.0.1 that are free now and that other programs are unlikely to take.
 *
 * @param count How many ports.
 * @throws {Error} When there are not enough free ports.
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
