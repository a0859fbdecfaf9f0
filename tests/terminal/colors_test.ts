import { assertEquals } from "@std/assert";
import type * as colors from "../../terminal/output/screen/colors.ts";
import { pureTest as test } from "../kinds.ts";

/** Returns a word in each style. */
function styled({ bold, cyan, dim, green, red, yellow }: typeof colors): string[] {
  return [bold, dim, red, green, yellow, cyan, (text: string) => bold(cyan(text))].map((style) =>
    style("word")
  );
}

test("styles are escape sequences in a terminal, unless NO_COLOR is set", async () => {
  const noColor = Object.getOwnPropertyDescriptor(Deno, "noColor")!;
  try {
    Deno.stdout.isTerminal = () => true;
    Object.defineProperty(Deno, "noColor", { ...noColor, get: () => false });
    assertEquals(styled(await import("../../terminal/output/screen/colors.ts?terminal")), [
      "\x1b[1mword\x1b[22m",
      "\x1b[2mword\x1b[22m",
      "\x1b[31mword\x1b[39m",
      "\x1b[32mword\x1b[39m",
      "\x1b[33mword\x1b[39m",
      "\x1b[36mword\x1b[39m",
      "\x1b[1m\x1b[36mword\x1b[39m\x1b[22m",
    ]);
    Object.defineProperty(Deno, "noColor", { ...noColor, get: () => true });
    assertEquals(
      styled(await import("../../terminal/output/screen/colors.ts?plain")),
      Array(7).fill("word"),
    );
  } finally {
    Object.defineProperty(Deno, "noColor", noColor);
    Reflect.deleteProperty(Deno.stdout, "isTerminal");
  }
});

test("styles do not change text in a pipe or a file", async () => {
  const isTerminal = () => false;
  try {
    Object.assign(Deno.stdout, { isTerminal });
    assertEquals(
      styled(await import("../../terminal/output/screen/colors.ts?pipe")),
      Array(7).fill("word"),
    );
  } finally {
    Reflect.deleteProperty(Deno.stdout, "isTerminal");
  }
});
