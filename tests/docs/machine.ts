/**
 * Machines with a network, processes and files of their own: namespaces of Linux. Only for programs inside
 * `enter.ts`, which have all permissions.
 *
 * @module
 */

const ROOT = new URL("../..", import.meta.url).pathname;
/** How long a command may take to print a line, and to end: milliseconds. */
const DEADLINE_MS = 40_000;

/** How many networks were made. */
let networks = 0;

/** A command that runs on a machine. */
export class Running {
  /** The lines of standard output and standard error so far. */
  readonly lines: string[] = [];
  /** Its exit code, once it has ended. */
  readonly code: Promise<number>;
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  constructor(readonly command: string, child: Deno.ChildProcess) {
    const read = [child.stdout, child.stderr].map((stream) => this.#read(stream));
    this.code = Promise.all([child.status, ...read]).then(([{ code }]) => {
      this.#isOver = true;
      for (const look of this.#waiting) look();
      return code;
    });
  }

  /** Waits for a line. */
  async shows(line: RegExp): Promise<string> {
    const found = () => this.lines.find((each) => line.test(each));
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const look = () => {
      const line = found();
      if (line !== undefined) resolve(line);
      else if (this.#isOver) reject(this.#failure(`ended without a line like ${line}`));
    };
    const timer = setTimeout(
      () => reject(this.#failure(`shows no line like ${line}`)),
      DEADLINE_MS,
    );
    this.#waiting.add(look);
    look();
    return await promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(look);
    });
  }

  /** Waits until it ends with exit code 0. */
  async succeeds(): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(this.#failure("does not end")), DEADLINE_MS);
    const code = await Promise.race([this.code, promise]).finally(() => clearTimeout(timer));
    if (code !== 0) throw this.#failure(`ended with exit code ${code}`);
  }

  /** Fails if it has complained about a permission. */
  hasPermissions(): void {
    if (this.lines.some((line) => /permission|NotCapable/i.test(line))) {
      throw this.#failure("lacks a permission");
    }
  }

  #failure(what: string): Error {
    return new Error(
      `${this.command}\n  ${what}:\n${this.lines.map((l) => `    ${l}`).join("\n")}`,
    );
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      this.lines.push(...lines);
      for (const look of this.#waiting) look();
    }
    if (rest !== "") this.lines.push(rest);
  }
}

/** One machine. Its folders `data/` and `/var` are empty and in memory. */
export class Machine implements AsyncDisposable {
  readonly #init: Deno.ChildProcess;
  readonly #pid: number;

  private constructor(init: Deno.ChildProcess, pid: number) {
    this.#init = init;
    this.#pid = pid;
  }

  /**
   * Starts a machine.
   *
   * @param hosts The contents of `/etc/hosts`.
   */
  static async start(hosts = "127.0.0.1 localhost\n"): Promise<Machine> {
    await Deno.mkdir(`${ROOT}/data`, { recursive: true });
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, hosts);
    const setUp = [
      "ip link set lo up",
      `mount --bind ${file} /etc/hosts`,
      `mount -t tmpfs none '${ROOT}/data'`,
      "mount -t tmpfs none /var",
      "echo ready",
      "exec cat",
    ].join(" && ");
    const init = new Deno.Command("unshare", {
      args: ["-nmpf", "--kill-child", "--mount-proc", "sh", "-c", setUp],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = init.stdout.getReader();
    const { done } = await reader.read();
    await Deno.remove(file);
    if (done) throw new Error("Cannot start a machine");
    void reader.cancel();
    const children = await Deno.readTextFile(`/proc/${init.pid}/task/${init.pid}/children`);
    return new Machine(init, Number(children));
  }

  /** Connects machines to one network. */
  static async connect(machines: readonly [Machine, address: string][]): Promise<void> {
    const number = networks++;
    const hub = `hub${number}`;
    await run("ip", "link", "add", hub, "type", "bridge");
    await run("ip", "link", "set", hub, "up");
    for (const [index, [machine, address]] of machines.entries()) {
      const [here, there] = [`here${number}-${index}`, `there${index}`];
      await run("ip", "link", "add", here, "type", "veth", "peer", "name", there);
      await run("ip", "link", "set", here, "master", hub, "up");
      await run("ip", "link", "set", there, "netns", `${machine.#pid}`);
      await run(
        ...machine.#inside(`ip addr add ${address}/24 dev ${there}; ip link set ${there} up`),
      );
    }
  }

  /** Runs a command of a shell at the root of the workspace. Its standard input is empty. */
  run(command: string): Running {
    const [program, ...args] = this.#inside(`cd '${ROOT}' && ${command}`);
    const child = new Deno.Command(program!, {
      args,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return new Running(command, child);
  }

  /** Ends all programs at once, and removes the machine. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#init.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#init.stdin.close().catch(() => {});
    await this.#init.status;
  }

  #inside(command: string): string[] {
    return ["nsenter", "-t", `${this.#pid}`, "-n", "-m", "-p", "sh", "-c", command];
  }
}

async function run(...[program, ...args]: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program!, { args, stderr: "piped" }).output();
  if (!success) {
    throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
}
