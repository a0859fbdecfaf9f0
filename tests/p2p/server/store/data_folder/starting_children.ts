/**
 * A worker that starts other programs, one after another, and says when it has started them all.
 *
 * @module
 */
const COUNT = 8;

for (let number = 0; number < COUNT; number++) {
  await new Deno.Command(Deno.execPath(), { args: ["--version"], stdout: "null" }).output();
}
postMessage("done");
