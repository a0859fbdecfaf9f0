/**
 * Runs a shell in a terminal, with its input and output in pipes. Tests may start only Deno, and this program all
 * others. Ends with 127 if the machine lacks what it needs.
 *
 * @module
 */
try {
  const shell = "exec bash --norc --noprofile -i";
  const terminal = new Deno.Command("script", { args: ["-qfec", shell, "/dev/null"] }).spawn();
  // The end of the terminal hangs up on everything that runs in it.
  Deno.addSignalListener("SIGTERM", () => terminal.kill("SIGKILL"));
  Deno.exit((await terminal.status).code);
} catch {
  Deno.exit(127);
}
