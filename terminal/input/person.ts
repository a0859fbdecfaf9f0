/**
 * Finds out whether a person at the terminal can answer a question, and whether they can stop the program. Must not
 * read from the terminal: that would stop a program in the background.
 *
 * @module
 */

/**
 * Returns whether a person is clearly there: standard input and output are a terminal, and this program is in
 * its foreground. Returns `false` when that cannot be found out.
 */
export function isPersonThere(): boolean {
  return Deno.stdin.isTerminal() && Deno.stdout.isTerminal() && isForeground() === true;
}

/**
 * Returns whether the terminal delivers its input to this program, and not to the shell that started it with
 * `&`. Asks the program `ps`, because Deno has no function for it.
 *
 * @returns `undefined` when there is no `ps`, or no permission to run it.
 */
export function isForeground(): boolean | undefined {
  // Windows has no background processes.
  if (Deno.build.os === "windows") return true;
  return ownsTerminal(ps("-o", "pgid=", "-o", "tpgid=", "-p", String(Deno.pid)));
}

/**
 * Returns whether ctrl-Z may stop this program until `fg`. `deno task` does not stop with its programs, so the shell
 * would wait for ever. Returns `false` when that cannot be found out.
 */
export function canBeStopped(): boolean {
  if (Deno.build.os === "windows") return false;
  return stopsTogether(ps("-A", "-o", "pid=", "-o", "pgid=", "-o", "args="), Deno.pid);
}

/**
 * Reads a list of processes with their groups and command lines. Returns whether the process `pid` is in it, and no
 * `deno task` in its group.
 */
export function stopsTogether(processes: string, pid: number): boolean {
  const all = processes.split("\n").map((line) => {
    const [, id, group, command] = /^ *(\d+) +(\d+) ([^]*)$/.exec(line) ?? [];
    return { id: Number(id), group, command: command ?? "" };
  });
  const own = all.find(({ id }) => id === pid);
  return own !== undefined &&
    !all.some(({ group, command }) => group === own.group && isTaskRunner(command));
}

/** Whether this is the command line of `deno task`, which may have options. */
function isTaskRunner(command: string): boolean {
  const words = command.split(/\s+/);
  const deno = words.findIndex((word) => word.slice(word.lastIndexOf("/") + 1).startsWith("deno"));
  const rest = words.slice(deno + 1);
  const before = rest.slice(0, Math.max(0, rest.indexOf("task")));
  const areOptions = before.every((word, at) => /^-/.test(word) || /^-/.test(before[at - 1] ?? ""));
  return deno >= 0 && rest.includes("task") && areOptions;
}

/** Returns what `ps` says; nothing when there is no `ps`, or no permission to run it. */
function ps(...args: string[]): string {
  // Without this check, Deno would ask for the permission.
  if (Deno.permissions.querySync({ name: "run", command: "ps" }).state !== "granted") return "";
  try {
    const { stdout } = new Deno.Command("ps", { args, stdin: "null", stderr: "null" }).outputSync();
    return new TextDecoder().decode(stdout);
  } catch {
    return "";
  }
}

/**
 * Reads what `ps` says: the process group of this program, and the group in the foreground of its terminal. They
 * are the same in the foreground.
 */
export function ownsTerminal(groups: string): boolean | undefined {
  const [, own, foreground] = /^\s*(\d+)\s+(-?\d+)\s*$/.exec(groups) ?? [];
  return own === undefined ? undefined : own === foreground;
}
