/**
 * Replaces standard output by `/dev/full`, so that printing fails as on a full disk. It is loaded before a
 * program, because tests may start only Deno and not a shell. Linux only; needs `--allow-ffi`.
 *
 * @module
 */
const O_WRONLY = 1;
const STDOUT = 1;

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
});
const file = libc.open(new TextEncoder().encode("/dev/full\0"), O_WRONLY);
if (file < 0 || libc.dup2(file, STDOUT) !== STDOUT) throw new Error("Cannot open /dev/full");
