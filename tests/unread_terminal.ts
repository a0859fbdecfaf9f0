/**
 * Replaces standard input and output by a terminal that nobody reads and where nobody types, such as one after
 * ctrl-S. It is loaded before a program, because tests may start only Deno. Linux only; needs `--allow-ffi`.
 *
 * @module
 */
const O_RDWR_NOCTTY = 0o402;

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  posix_openpt: { parameters: ["i32"], result: "i32" },
  grantpt: { parameters: ["i32"], result: "i32" },
  unlockpt: { parameters: ["i32"], result: "i32" },
  ptsname: { parameters: ["i32"], result: "pointer" },
  open: { parameters: ["pointer", "i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
});
const keyboard = libc.posix_openpt(O_RDWR_NOCTTY);
libc.grantpt(keyboard);
libc.unlockpt(keyboard);
const terminal = libc.open(libc.ptsname(keyboard), O_RDWR_NOCTTY);
if (terminal < 0) throw new Error("Cannot open a terminal");
for (const stream of [0, 1]) libc.dup2(terminal, stream);
