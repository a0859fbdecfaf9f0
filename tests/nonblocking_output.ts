/**
 * Makes standard output a pipe that does not block, when it is loaded before a program, as a program that shares
 * it may have done. Linux alone; needs `--allow-ffi`.
 *
 * @module
 */
const F_SETFL = 4;
const O_NONBLOCK = 0x800;
const STDOUT = 1;

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
});
if (libc.fcntl(STDOUT, F_SETFL, O_NONBLOCK) !== 0) throw new Error("Cannot set the flag");
