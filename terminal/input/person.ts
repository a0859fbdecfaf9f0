/**
 * Finds out whether a person at the terminal can answer a question. Must not read from the terminal: that would
 * stop a program in the background.
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
  // Without this check, Deno would ask for the permission.
  if (Deno.permissions.querySync({ name: "run", command: "ps" }).state !== "granted") {
    return undefined;
  }
  try {
    const { stdout } = new Deno.Command("ps", {
      args: ["-o", "pgid=", "-o", "tpgid=", "-p", String(Deno.pid)],
      stdin: "null",
      stderr: "null",
    }).outputSync();
    return ownsTerminal(new TextDecoder().decode(stdout));
  } catch {
    return undefined;
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
