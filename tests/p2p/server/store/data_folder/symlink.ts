/**
 * Makes a symbolic link: needs more permissions than the tests have.
 *
 * @module
 */
Deno.symlinkSync(Deno.args[0]!, Deno.args[1]!);
