/**
 * Prints the arguments of every process of the system (Linux).
 *
 * @module
 */
for (const { name } of Deno.readDirSync("/proc")) {
  if (!/^\d+$/.test(name)) continue;
  try {
    // deno-lint-ignore no-console -- this is its output
    console.log(Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " "));
  } catch {
    // It has ended.
  }
}
