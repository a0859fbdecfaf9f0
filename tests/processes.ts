/**
 * Starts programs at the root of the workspace, as a user would start them. The laboratory owns the
 * processes themselves.
 *
 * @module
 */
import { type Finished, freePorts, Process as Program, type ProcessOptions } from "@netlab/lab";

export { freePorts };
export { DEADLINE_MS } from "@netlab/lab";

/** The root of the workspace, where users start programs. */
const cwd = new URL("..", import.meta.url);

/** A running program. */
export type Process = Program;

/** Starts programs. */
export const Process = {
  /** Starts `deno run <permissions> <program> <args>` at the root of the workspace. */
  start(program: string, args: string[] = [], options: ProcessOptions = {}): Program {
    return Program.start(program, args, { cwd, ...options });
  },

  /** Starts a program, and waits until it ends by itself. */
  run(program: string, args: string[] = [], options: ProcessOptions = {}): Promise<Finished> {
    return Program.run(program, args, { cwd, ...options });
  },
};

/** Returns a port that is free on 127.0.0.1 at the moment. */
export function freePort(): number {
  return freePorts(1)[0]!;
}
