/**
 * The messaging programs, started as a user would start them, and what servers log.
 *
 * @module
 */
import { Process } from "../processes.ts";

/** The server program. */
export const SERVER = "p2p/server.ts";
/** The client program. */
export const CLIENT = "p2p/client.ts";

/** A log line. */
export type Log = Record<string, unknown> & { event?: string };

/** What the tasks of servers permit. */
export const PERMISSIONS = [
  "--allow-net=127.0.0.1,localhost",
  "--allow-read=.",
  "--allow-write=./data",
];

/** Starts a server as a user would, and waits until it listens. */
export async function startServer(port: number, peer: number, ...more: string[]): Promise<Process> {
  const args = ["--port", `${port}`, "--peer", `127.0.0.1:${peer}`, "--json", ...more];
  const server = Process.start(SERVER, args, { permissions: PERMISSIONS });
  await event(server, "listening");
  return server;
}

/** The next log line of an event. */
export async function event(server: Process, name: string, about = ""): Promise<Log> {
  const line = await server.waitFor((line) =>
    (JSON.parse(line) as Log).event === name && line.includes(about)
  );
  return JSON.parse(line);
}

/** Starts a client as a script would. */
export function startClient(name: string, port: number): Process {
  return Process.start(CLIENT, ["--name", name, "--server", `127.0.0.1:${port}`], {
    stdin: "piped",
  });
}
