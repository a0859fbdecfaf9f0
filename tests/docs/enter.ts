/**
 * Runs a program of these tests in namespaces of its own, as root there: `deno run -A tests/docs/enter.ts
 * PROGRAM ARG...`. This needs Linux, and a system that lets this user create namespaces. Without arguments it
 * only finds out whether that is so.
 *
 * @module
 */

const [program, ...args] = Deno.args;
const command = program === undefined
  ? ["ip", "link", "add", "hub", "type", "bridge"]
  : [Deno.execPath(), "run", "-A", program, ...args];
try {
  const { code } = await new Deno.Command("unshare", {
    args: ["-rnmpf", "--kill-child", "--mount-proc", "--", ...command],
    stdin: "null",
    stderr: program === undefined ? "null" : "inherit",
  }).spawn().status;
  Deno.exit(code);
} catch {
  // There is no such program here.
  Deno.exit(1);
}
