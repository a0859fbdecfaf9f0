/**
 * Orders attacks from a process of its own.
 *
 * @module
 */
import { DEADLINE_MS } from "../cluster/deadline.ts";
import { Process } from "../cluster/process.ts";
import type { AttackName } from "./attacks/mod.ts";

/** What an attacker has to do. */
export interface AttackOrder {
  /** The attack. */
  readonly attack: AttackName;
  /** The addresses of the servers, `host:port`. */
  readonly servers: readonly string[];
  /** A free port for attacks that listen. */
  readonly port: number;
  /** How long an attack that begins like an honest server remains one: milliseconds. */
  readonly delayMs: number;
  /** How long to attack, with that delay: milliseconds. */
  readonly ms: number;
  /** How much to send at most: bytes. */
  readonly maxBytes: number;
  /** Whether to use the numbers of a real attacker, instead of a tenth of them. */
  readonly full: boolean;
  /** The share of one processor that `burn` uses, from 0 to 1. */
  readonly share: number;
  /** The seed of random decisions. */
  readonly seed: number;
}

/** What an attack has used. */
export interface AttackUse {
  /** How long it took: milliseconds. */
  readonly ms: number;
  /** The connections that were opened. */
  readonly connections: number;
  /** Connections that could not be opened, or that the other side ended. */
  readonly closedByOthers: number;
  /** Bytes that were sent. */
  readonly sentBytes: number;
  /** Bytes that were read. */
  readonly readBytes: number;
}

/** A process that attacks when it is told to. */
export class Attacker implements AsyncDisposable {
  readonly #process: Process;

  private constructor(process: Process) {
    this.#process = process;
  }

  /**
   * Starts the process. It does nothing yet.
   *
   * @param isElsewhere Whether it stands for other machines: it then gets only what the servers and users of
   *   this one leave of the processor.
   */
  static async start(isElsewhere = true): Promise<Attacker> {
    const program = import.meta.resolve("./attacker_program.ts");
    const attacker = new Attacker(
      Process.start(program, isElsewhere ? ["--elsewhere"] : [], {
        permissions: ["--allow-net=127.0.0.1,localhost", "--allow-sys=setPriority"],
        stdin: "piped",
      }),
    );
    try {
      await attacker.#process.waitFor("ready");
      return attacker;
    } catch (error) {
      await attacker[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Attacks, and returns what that used.
   *
   * @throws {Error} When the attack has an error of its own. The message contains the output.
   */
  async attack(order: AttackOrder): Promise<AttackUse> {
    await this.#process.write(`${JSON.stringify(order)}\n`);
    return JSON.parse(await this.#process.waitFor("{", order.ms + DEADLINE_MS));
  }

  /** Ends the process, whatever it does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
