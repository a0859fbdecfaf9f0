/**
 * Starts honest users in a process of their own, and collects how long their messages take.
 *
 * @module
 */
import { DEADLINE_MS } from "../cluster/deadline.ts";
import { Process } from "../cluster/process.ts";
import type { AttackedSystem } from "./target.ts";

/** The users, and what they do. */
export interface HonestOptions {
  /** The system of the users. */
  readonly system: AttackedSystem;
  /** The addresses of the servers, `host:port`. */
  readonly servers: readonly string[];
  /** The number of users. */
  readonly users: number;
  /** How many durable messages they send per second, all together; or how many greetings. */
  readonly perSecond: number;
  /** The seed of random decisions. */
  readonly seed: number;
}

/** What honest users have seen since the last sample. */
export interface HonestSample {
  /** For each message: when it was sent (milliseconds since 1970), and how long it took (milliseconds). */
  readonly seen: readonly (readonly [number, number])[];
  /** How many users have no server now. */
  readonly offline: number;
}

/** What became of all messages of the honest users. */
export interface HonestEnd {
  /** How many durable messages, or greetings, there were. */
  readonly sent: number;
  /** How many of them were refused or not answered. */
  readonly failed: number;
  /** Whether each accepted message was seen once, and in order. */
  readonly kept: boolean;
  /** What the checker says, line by line. */
  readonly findings: readonly string[];
}

/** A process with honest users. */
export class HonestUsers implements AsyncDisposable {
  /** For each message that was seen: when it was sent, and how long it took. Both milliseconds. */
  readonly seen: (readonly [number, number])[] = [];
  /** How many users have no server now. */
  offline = 0;
  readonly #process: Process;

  private constructor(options: HonestOptions) {
    const program = import.meta.resolve("./honest_program.ts");
    this.#process = Process.start(program, [JSON.stringify(options)], {
      stdin: "piped",
      onLine: (line) => {
        if (!line.startsWith('{"seen"')) return;
        const { seen, offline } = JSON.parse(line) as HonestSample;
        this.seen.push(...seen);
        this.offline = offline;
      },
    });
  }

  /** Starts the process. The users write to each other when this resolves. */
  static async start(options: HonestOptions): Promise<HonestUsers> {
    const users = new HonestUsers(options);
    try {
      await users.#process.waitFor("ready");
      return users;
    } catch (error) {
      await users[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /** How long each message took that was sent in a period: milliseconds. The period is in milliseconds since 1970. */
  between(from: number, to: number): number[] {
    return this.seen.filter(([at]) => at >= from && at < to).map(([, ms]) => ms);
  }

  /** Lets the users stop, waits until all accepted messages were seen, and returns the verdict. */
  async finish(): Promise<HonestEnd> {
    await this.#process.write("stop\n");
    return JSON.parse(await this.#process.waitFor('{"sent"', 5 * DEADLINE_MS));
  }

  /** Ends the process. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
