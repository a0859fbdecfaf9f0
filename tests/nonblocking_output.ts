/**
 * Makes standard output non-blocking, as another program that shares the pipe may do. It is loaded before a
 * program. Linux only; needs `--allow-ffi`.
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
