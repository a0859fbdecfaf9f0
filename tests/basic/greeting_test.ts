import { assertEquals } from "@std/assert";
import { finalReplyTo, REFUSAL, replyTo } from "../../basic/greeting.ts";
import { pureTest as test } from "../kinds.ts";

test("replyTo answers a greeting with the line end of the greeting", () => {
  assertEquals(replyTo("hello\n"), "world\n");
  assertEquals(replyTo("hello\r\n"), "world\r\n");
});

test("replyTo waits while the rest of the greeting or its line end may come", () => {
  for (const said of ["", "h", "hell", "hello", "hello\r"]) {
    assertEquals(replyTo(said), undefined, JSON.stringify(said));
  }
});

test("replyTo refuses text as soon as it cannot become a greeting", () => {
  for (const said of ["x", "hex", "Hello", "hello ", "hello\rx", "hello!\n", "\n", "\nhello\n"]) {
    assertEquals(replyTo(said), REFUSAL, JSON.stringify(said));
  }
});

test("replyTo considers only the first line", () => {
  assertEquals(replyTo("hello\nhello\n"), "world\n");
  assertEquals(replyTo("hello\r\ngood bye"), "world\r\n");
});

test("finalReplyTo accepts hello without a line end, and nothing shorter", () => {
  assertEquals(finalReplyTo("hello"), "world");
  for (const said of ["", "hell", "hello\r"]) assertEquals(finalReplyTo(said), REFUSAL);
});
