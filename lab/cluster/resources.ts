/**
 * Watches what processes use: memory, processor time and file descriptors. Linux only.
 *
 * @module
 */
import { Process } from "./process.ts";

/** What a process uses at one moment. */
export interface Resources {
  /** The process id. */
  readonly pid: number;
  /** When: milliseconds since 1970. */
  readonly at: number;
  /** Memory that the process has allocated, without the pages of files: bytes. */
  readonly memoryBytes: number;
  /** Processor time since the start of the process, in user mode and in the kernel: milliseconds. */
  readonly cpuMs: number;
  /** The number of open file descriptors. */
  readonly descriptors: number;
}

/** Watches some processes until it is disposed. */
export class ResourceWatch implements AsyncDisposable {
  readonly #process: Process;
  readonly #samples = new Map<number, Resources[]>();

  private constructor(pids: readonly number[], everyMs: number) {
    for (const pid of pids) this.#samples.set(pid, []);
    const program = import.meta.resolve("./resources_program.ts");
    this.#process = Process.start(program, [everyMs, ...pids].map(String), {
      permissions: ["--allow-all"],
      onLine: (line) => {
        for (const sample of JSON.parse(line) as Resources[]) {
          this.#samples.get(sample.pid)!.push(sample);
        }
      },
    });
  }

  /**
   * Starts to watch processes. Resolves after the first look.
   *
   * @param pids The ids of the processes. One that ends is not seen any more.
   * @param everyMs The interval between two looks: milliseconds.
   * @throws {Error} When the system has no /proc.
   */
  static async start(pids: readonly number[], everyMs: number): Promise<ResourceWatch> {
    if (Deno.build.os !== "linux") {
      throw new Error("Cannot watch processes: only Linux shows in /proc what they use");
    }
    const watch = new ResourceWatch(pids, everyMs);
    try {
      await watch.#process.waitFor(/./);
      return watch;
    } catch (error) {
      await watch[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Returns what was seen of a process, the earliest first. */
  of(pid: number): readonly Resources[] {
    return this.#samples.get(pid) ?? [];
  }

  /** Ends the watch. What was seen stays. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
